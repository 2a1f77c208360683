# $1 unit, $2 versioned binary, $3 its checksum file, $4 archive of images or empty, $5 its checksum file, $6 role,
# then our files.
unit=$1 binary=$2 binary_stamp=$3 images=$4 images_stamp=$5 role=$6; shift 6
PATH=$PATH:/usr/local/bin
while IFS='=' read -r property value; do
  case $property in
    ActiveState) active=$value ;;
    UnitFileState) enabled=$value ;;
    NeedDaemonReload) reload=$value ;;
    MainPID) pid=$value ;;
    ExecMainStartTimestamp) begun=$value ;;
  esac
done <<END
$(TZ=UTC systemctl show "$unit" -p ActiveState -p UnitFileState -p NeedDaemonReload -p MainPID -p ExecMainStartTimestamp)
END

# The artifact's checksum. The one in its checksum file is valid as long as inode, size and change time are the same.
artifact() { # $1: its path, $2: its checksum file
  [ -f "$1" ] || return
  stamp=$(cat "$2" 2>/dev/null)
  if [ "${stamp#* }" = "$(stat -c '%i %s %Z' "$1")" ]; then
    echo "${stamp%% *}"
  else
    sha256sum < "$1" | cut -d ' ' -f 1
  fi
}
section binary; artifact "$binary" "$binary_stamp"
section images; artifact "$images" "$images_stamp"
section links
for name in k3s kubectl crictl ctr; do
  [ -L "/usr/local/bin/$name" ] && echo "$name $(readlink "/usr/local/bin/$name")"
done
section elsewhere
for name in kubectl crictl ctr; do command -v "$name" > /dev/null && echo "$name"; done
section files; file_states "$@"

# Only the tokens' checksums leave the host. They suffice to compare tokens, which hold 256 random bits each.
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

# The node that Skerry has cordoned, unless the reboot window drains it at this moment and uncordons it by itself.
section drained
cordoned=$(cat /var/lib/skerry/cordoned /var/lib/skerry/upgrading 2>/dev/null | head -n 1)
[ -z "$cordoned" ] || [ "$(systemctl show skerry-reboot -p ActiveState --value)" = activating ] || echo "$cordoned"
# The file may lack a newline at its end.
section restore; cat /var/lib/skerry/restore/wanted 2>/dev/null && echo

section unit; printf '%s\n' "$active" "$enabled" "$reload"
section running; started_with "$pid"
section started
if [ "${pid:-0}" -gt 0 ]; then
  started=$(date -d "$begun" +%s)
  # A start in the future: the clock was set back since, and no time can be compared with it.
  [ "$started" -gt "$(date +%s)" ] || echo "$started"
fi

# Paths that have not changed since then. If one differs from what is wanted, the process was started with that.
section loaded
there() { [ -e "$1" ] || [ -L "$1" ]; }
paths= nearest=
for path in "$binary" /usr/local/bin/k3s "$@"; do
  near=$path
  there "$near" || near=${path%/*} # the change time of its folder shows since when it has been missing
  there "$near" && paths="$paths $path" nearest="$nearest $near"
done
set -- $paths
for changed in $(stat -c %Z $nearest); do
  [ "$changed" -le "${started:-0}" ] && echo "$1"
  shift
done

section node
if [ "$active" = active ]; then
  [ "$role" = agent ] && set -- --kubeconfig /var/lib/rancher/k3s/agent/kubelet.kubeconfig || set --
  node() { timeout 15 k3s kubectl "$@" get --raw "/api/v1/nodes/$(hostname | tr '[:upper:]' '[:lower:]')" 2>/dev/null; }
  # Once more after a second: etcd may have been electing a leader.
  node "$@" || [ $? = 124 ] || { sleep 1; node "$@"; }
  echo
fi
