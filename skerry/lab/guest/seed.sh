#!/bin/sh
# First boot: takes the host's identity from the seed disk, grows the root disk, applies kernel arguments.
set -eu
seed=/dev/disk/by-id/virtio-skerry-seed
i=0
while [ ! -e "$seed" ] && [ "$i" -lt 60 ]; do
    sleep 1
    i=$((i + 1))
done

tar -x -f "$seed" -C / --no-overwrite-dir
hostname "$(cat /etc/hostname)"

echo ', +' | sfdisk --quiet --no-reread --force -N 1 /dev/vda
partx --update --nr 1 /dev/vda
resize2fs /dev/vda1

touch /etc/lab-seeded
sync
if [ -e /etc/default/grub.d/50-lab.cfg ]; then
    GRUB_CMDLINE_LINUX=
    . /etc/default/grub.d/50-lab.cfg
    # What update-grub would write, in no time instead of a minute.
    sed -i "/^[[:space:]]*linux[[:space:]]/s|\$|$GRUB_CMDLINE_LINUX|" /boot/grub/grub.cfg
    sync
    systemctl --force reboot # nothing has started yet that would want to be stopped
    sleep 60
fi
