# Comes before every fact's script. Facts read and change nothing. Starting a process costs more than its work here,
# so the shell does what it can by itself, and programs get all their files at once.
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
# Read here because half of the facts print it.
virtualisation=$(systemd-detect-virt 2>/dev/null)
section() { printf '@%s\n' "$1"; }

# The digest of the configuration with which process $1 was started, from its environment.
started_with() {
  [ "${1:-0}" -gt 0 ] && tr '\0' '\n' < "/proc/$1/environ" | sed -n 's/^SKERRY_CONFIG_SHA256=//p'
}

# The version of K3s with which unit $1 was started, from its environment.
started_as() {
  pid=$(systemctl show "$1" -p MainPID --value)
  [ "${pid:-0}" -gt 0 ] && tr '\0' '\n' < "/proc/$pid/environ" | sed -n 's/^SKERRY_K3S_VERSION=//p'
}

# One line for each path that exists: path, octal mode, owner, group, sha256.
file_states() {
  for file in "$@"; do
    [ -f "$file" ] && set -- "$@" "$file"
    shift
  done
  [ $# -eq 0 ] && return
  { stat -c '%n %a %U %G' "$@"; sha256sum "$@"; } | awk 'NF == 4 { state[$1] = $0 } NF == 2 { print state[$2], $1 }'
}

# One line for each sysctl that exists: its key and value, the value's fields separated by single spaces.
# awk reads them: a shell's `read` asks for one byte at a time, and a sysctl gives no second one.
sysctls() {
  files=
  for key in "$@"; do
    IFS=.; set -- $key; IFS=/
    file="/proc/sys/$*"
    unset IFS
    [ -r "$file" ] && files="$files $file"
  done
  [ -z "$files" ] || awk 'FNR == 1 { key = substr(FILENAME, 11); gsub("/", ".", key); $1 = $1; print key, $0 }' $files
}

# The token with which agents join this server: the hash of its CA, and the agents' own password.
agent_join_token() {
  sed 's/::.*/::node:/' /var/lib/rancher/k3s/server/token | tr -d '\n'
  cat /etc/rancher/k3s/agent-token
}
