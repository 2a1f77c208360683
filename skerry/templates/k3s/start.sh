# $1 unit, $2 seconds to wait, $3 "restart" or "wait", $4 role. Ends 0 when the node is Ready.
PATH=$PATH:/usr/local/bin
unit=$1 seconds=$2 node=$(hostname | tr '[:upper:]' '[:lower:]')
begin=$(date +%s)
show() { TZ=UTC systemctl show "$unit" -p "$1" --value; }

if [ "$3" = restart ]; then
  systemctl daemon-reload || exit 1
  systemctl enable --quiet "$unit" || exit 1
  systemctl reset-failed "$unit" 2>/dev/null
  systemctl restart --no-block "$unit" || exit 1
fi
restarts=$(show NRestarts)

# In the API a node stays Ready while K3s restarts: only what its kubelet has reported since then counts.
ready() {
  [ "$(show ActiveState)" = active ] || return 1
  # An agent has no administrator's access: its kubelet's own credentials read its own node.
  [ "$4" = agent ] && set -- --kubeconfig /var/lib/rancher/k3s/agent/kubelet.kubeconfig || set --
  k3s kubectl "$@" get --raw /readyz > /dev/null 2>&1 || return 1
  heard=$(k3s kubectl "$@" get --raw "/api/v1/nodes/$node" 2>/dev/null | tr -d ' \n' |
    sed -n 's/.*{"type":"Ready","status":"True"[^}]*"lastHeartbeatTime":"\([^"]*\)".*/\1/p')
  started=$(date -d "$(show ExecMainStartTimestamp)" +%s)
  [ "$started" -gt "$(date +%s)" ] && started=0 # the clock was set back since
  [ -n "$heard" ] && [ "$(date -d "$heard" +%s)" -gt "$started" ]
}

why="the node was not Ready after $seconds s"
while [ $(($(date +%s) - begin)) -lt "$seconds" ]; do
  ready "$@" && exit 0
  if [ "$(($(show NRestarts) - restarts))" -ge 3 ]; then
    why="$unit keeps failing"
    break
  fi
  sleep 0.5
done
# Not journalctl --lines: with --since, older ones take that for the first lines. A kubelet that refuses a flag
# says so before some 250 lines of help, so that the errors must be picked out.
journal() {
  journalctl --unit "$unit" --since "@$begin" --no-pager --output cat |
    grep -Ev 'left-over process|usually indicates unclean termination' | cut -c 1-300 # pods that go on: all is well
}
{
  echo "$why; the last lines of its journal:"
  journal | tail -n 20
  echo "and the last errors in it:"
  journal | grep -E '^[EF][0-9]{4} |level=(error|fatal)|^panic:' | tail -n 10
} >&2
exit 1
