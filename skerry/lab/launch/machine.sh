# Runs a virtual machine until it is powered off, and anew when it reboots: a fresh emulator starts at
# full speed, one that has emulated another boot before can take minutes to unpack the kernel.
# usage: sh machine.sh HOST_DIRECTORY SNAPSHOT COMMAND ...; an empty SNAPSHOT boots from the disk
cd "$1" || exit
snapshot=$2
shift 2
exec </dev/null >qemu.log 2>&1

rm -f events.in
mkfifo -m 600 events.in
while :; do
    exec 3<>events.in # open both ways, so that qemu's end of it stays open
    echo '{"execute":"qmp_capabilities"}' >&3
    "$@" ${snapshot:+-loadvm "$snapshot"} <&3 >events.log || exit
    exec 3>&-
    grep -q '"guest-reset"' events.log || exit 0
    snapshot=
done
