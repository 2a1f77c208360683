# Turns the tree into the content of a bootable disk: kernel and boot loader, as on a rented server.
# Runs as root inside a copy of the tree. Environment: KERNEL, the kernel's package.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

echo 'LABEL=lab-root / ext4 defaults 0 1' >/etc/fstab
mkdir -p /etc/default/grub.d

apt-get -q -o Acquire::Languages=none update
# What cloud images bring along: emulated, installing it takes minutes.
apt-get -q -y install --no-install-recommends initramfs-tools apparmor ca-certificates cron curl iptables \
    logrotate rsyslog unattended-upgrades
# The drivers of a virtual machine are enough, and a small initrd boots sooner when emulated.
sed -i 's/^MODULES=.*/MODULES=list/' /etc/initramfs-tools/initramfs.conf
printf '%s\n' virtio_pci virtio_blk ext4 >>/etc/initramfs-tools/modules
# The newest; if the archive lists it but has lost its file, the one the release came with.
apt-get -q -y install --no-install-recommends "$KERNEL" || {
    . /etc/os-release
    apt-get -q -y install --no-install-recommends --target-release "$VERSION_CODENAME" "$KERNEL"
}

# There is no disk yet: seal.sh installs the boot loader from inside.
echo 'grub-pc grub-pc/install_devices_empty boolean true' | debconf-set-selections
apt-get -q -y install --no-install-recommends grub-pc

# no_timer_check: on a busy machine an emulated timer can be too late for the kernel's test of it, which panics.
cat >/etc/default/grub <<'END'
GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_RECORDFAIL_TIMEOUT=0
GRUB_TERMINAL=console
GRUB_DISTRIBUTOR=Lab
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_CMDLINE_LINUX="console=ttyS0 no_timer_check"
GRUB_DISABLE_OS_PROBER=true
END

systemctl enable lab-seed.service
apt-cache gencaches # with the lists it stays: parsing them is most of a first update when emulated
rm -rf /var/log/*.log /var/log/apt/* /etc/resolv.conf
