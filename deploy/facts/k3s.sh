# $1 unit, $2 versioned binary, $3 role, $@ from 4: files of ours.
unit=$1 binary=$2 role=$3; shift 3
PATH=$PATH:/usr/local/bin
show() { TZ=UTC systemctl show "$unit" -p "$1" --value; }

# The checksum taken when the binary was installed holds as long as its inode says nothing has changed since.
section binary
if [ -f "$binary" ]; then
  stamp=$(cat "$binary.sha256" 2>/dev/null)
  if [ "${stamp#* }" = "$(stat -c '%i %s %Z' "$binary")" ]; then
    echo "${stamp%% *}"
  else
    sha256sum < "$binary" | cut -d ' ' -f 1
  fi
fi
section links
for name in k3s kubectl crictl ctr; do
  [ -L "/usr/local/bin/$name" ] && echo "$name $(readlink "/usr/local/bin/$name")"
done
section elsewhere
for name in kubectl crictl ctr; do command -v "$name" > /dev/null && echo "$name"; done
section files; file_states "$@"

# Of the tokens only what tells whether two are the same: each holds 256 random bits.
section tokens
digest() { sha256sum | cut -d ' ' -f 1; }
[ -s /etc/rancher/k3s/token ] && echo "server $(digest < /etc/rancher/k3s/token)"
[ -s /etc/rancher/k3s/agent-token ] && echo "agent $(digest < /etc/rancher/k3s/agent-token)"
full=/var/lib/rancher/k3s/server/token
if [ -s $full ]; then
  echo "join-server $(digest < $full)"
  [ -s /etc/rancher/k3s/agent-token ] && echo "join-agent $(agent_join_token | digest)"
fi
section cluster; sed -n 's/^K10\([0-9a-f]*\)::.*/\1/p' $full 2>/dev/null

section drained; cat /var/lib/skerry/upgrading 2>/dev/null
section restore; cat /var/lib/skerry/restore/wanted 2>/dev/null && echo # what comes next starts a line of its own

section unit; show ActiveState; show UnitFileState; show NeedDaemonReload
# Which configuration the running process was started with: its environment says.
section running
pid=$(show MainPID)
[ "${pid:-0}" -gt 0 ] && tr '\0' '\n' < "/proc/$pid/environ" | sed -n 's/^SKERRY_CONFIG_SHA256=//p'
section started
if [ "${pid:-0}" -gt 0 ]; then
  started=$(date -d "$(show ExecMainStartTimestamp)" +%s)
  [ "$started" -gt "$(date +%s)" ] || echo "$started" # the clock was set back since: nothing to compare with
fi

# What has not changed since then: where it is not as wanted now, the process was started with something else.
section loaded
for path in "$binary" /usr/local/bin/k3s "$@"; do
  changed=$(stat -c %Z "$path" 2>/dev/null || stat -c %Z "$(dirname "$path")" 2>/dev/null)
  [ "${changed:-9999999999}" -le "${started:-0}" ] && echo "$path"
done

section node
if [ "$(show ActiveState)" = active ]; then
  [ "$role" = agent ] && set -- --kubeconfig /var/lib/rancher/k3s/agent/kubelet.kubeconfig || set --
  timeout 15 k3s kubectl "$@" get --raw "/api/v1/nodes/$(hostname | tr '[:upper:]' '[:lower:]')" 2>/dev/null
  echo # what comes next starts a line of its own
fi
