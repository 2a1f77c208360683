#!/bin/sh
# Runs once as process 1 of the new disk, to do what only the disk itself can: boot loader and swap file.
# Environment: SWAP_MIB comes in by the kernel command line.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C

seal() {
    set -eu
    mount -o remount,rw /
    fallocate -l "${SWAP_MIB}M" /swapfile # made here: a swap file must have no holes
    chmod 600 /swapfile
    mkswap /swapfile
    echo '/swapfile none swap sw 0 0' >>/etc/fstab
    grub-install --target=i386-pc /dev/vda
    update-grub
    rm /seal
}

if (seal) >/dev/ttyS0 2>&1; then echo lab-disk-sealed >/dev/ttyS0; fi
sync
for key in s u o; do # sync, remount read-only, power off
    echo "$key" >/proc/sysrq-trigger
    sleep 2
done
sleep 60
