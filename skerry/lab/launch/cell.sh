# Runs an nspawn host until it is powered off, in a mount namespace of its own: its mounts end with it.
# usage: sh cell.sh HOST_DIRECTORY TREE [CGROUP ...] -- COMMAND ...
set -eu
dir=$1 tree=$2
shift 2
exec </dev/null >"$dir/console.log" 2>&1

while [ "$1" != -- ]; do
    mkdir -p "$1"
    for file in cpuset.cpus cpuset.mems; do # a new v1 cpuset is empty and would take no process
        if [ -e "$1/../$file" ] && [ -e "$1/$file" ]; then cat "$1/../$file" >"$1/$file"; fi
    done
    echo $$ >"$1/cgroup.procs"
    shift
done
shift

mkdir -p /run/systemd/nspawn # nspawn's own notes; it gives up on a reboot where /run is on a disk
mount -t tmpfs -o mode=755 skerry /run/systemd/nspawn
cd "$dir"
if [ -d upper ]; then
    mount -t overlay skerry -o "lowerdir=$tree,upperdir=upper,workdir=work" root
fi
if [ ! -e seeded ]; then
    mkdir -p var-lib
    from=root/var/lib
    if [ -d shared ]; then from=shared; fi # a snapshot of another host
    cp -a "$from/." var-lib/
    tar -x -f seed.tar -C root --no-overwrite-dir
    touch seeded
fi

# Without a service manager above it, systemd-nspawn ends with 133 when its host reboots.
status=133
while [ "$status" = 133 ]; do
    "$@" && status=0 || status=$?
done
exit "$status"
