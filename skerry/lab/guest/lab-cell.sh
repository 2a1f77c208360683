#!/bin/sh
# What an nspawn host needs at boot and a rented server has from its kernel: its network, and
# cgroup v1 controllers it may write to. Settings: /etc/lab-cell.
set -eu
. /etc/lab-cell

ip link set host0 down
ip link set host0 name eth0
ip link set eth0 mtu "$MTU" up
ip address add "$ADDRESS/24" dev eth0
ip route add default via "$GATEWAY"

for group in /sys/fs/cgroup/*/; do
    if mountpoint -q "$group"; then mount -o remount,rw,bind "$group"; fi
done
