# $1: the time service's unit; $@ from 2: files of ours.
unit=$1; shift
section files; file_states "$@"
section unit; systemctl show "$unit" -p ActiveState -p UnitFileState
section synchronised; timedatectl show -p NTPSynchronized --value 2>/dev/null
# Files changed since the service started: it does not know them yet.
section unread
pid=$(systemctl show "$unit" -p MainPID --value)
if [ "${pid:-0}" -gt 0 ]; then
  started=$(($(date +%s) - $(ps -o etimes= -p "$pid")))
  for file in "$@"; do
    [ -f "$file" ] && [ "$(stat -c %Y "$file")" -ge "$started" ] && echo "$file"
  done
fi
section virtualisation; systemd-detect-virt 2>/dev/null
