# $1: the time service's unit; $@ from 2: files of ours.
unit=$1; shift
section files; file_states "$@"
section unit; systemctl show "$unit" -p ActiveState -p UnitFileState
section synchronised; timedatectl show -p NTPSynchronized --value 2>/dev/null
section running; started_with "$unit"
section virtualisation; systemd-detect-virt 2>/dev/null
