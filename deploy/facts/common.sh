# Put before every fact's script. Facts read and change nothing.
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
section() { printf '@%s\n' "$1"; }

# The digest of the configuration that a unit's process was started with: its environment says.
started_with() {
  pid=$(systemctl show "$1" -p MainPID --value)
  [ "${pid:-0}" -gt 0 ] && tr '\0' '\n' < "/proc/$pid/environ" | sed -n 's/^SKERRY_CONFIG_SHA256=//p'
}

# The version of K3s likewise.
started_as() {
  pid=$(systemctl show "$1" -p MainPID --value)
  [ "${pid:-0}" -gt 0 ] && tr '\0' '\n' < "/proc/$pid/environ" | sed -n 's/^SKERRY_K3S_VERSION=//p'
}

# One line for each path that exists: path, octal mode, owner, group, sha256.
file_states() {
  for file in "$@"; do
    [ -f "$file" ] || continue
    printf '%s %s %s\n' "$file" "$(stat -c '%a %U %G' "$file")" "$(sha256sum < "$file" | cut -d ' ' -f 1)"
  done
}

# The token with which agents join this server: the hash of its CA, and the agents' own password.
agent_join_token() {
  sed 's/::.*/::node:/' /var/lib/rancher/k3s/server/token | tr -d '\n'
  cat /etc/rancher/k3s/agent-token
}
