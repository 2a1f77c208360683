# $1: the time service's unit; from $2: our files.
unit=$1; shift
section files; file_states "$@"
section unit; state=$(systemctl show "$unit" -p ActiveState -p UnitFileState -p MainPID); printf '%s\n' "$state"
section synchronised; timedatectl show -p NTPSynchronized --value 2>/dev/null
section running; pid=${state##*MainPID=}; started_with "${pid%%[!0-9]*}"
section virtualisation; echo "$virtualisation"
