# Makes a fresh debootstrap tree look like a rented server. Runs as root inside the tree.
# Environment: SOURCES, the content of sources.list.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d  # no services start while the image is made
chmod 755 /usr/sbin/policy-rc.d

printf '%s\n' "$SOURCES" >/etc/apt/sources.list
apt-get -q update
apt-get -q -y dist-upgrade

# Three ways in: root by key, a user with passwordless sudo, a user whose sudo asks for a password.
useradd --create-home --shell /bin/bash --uid 1000 --password '*' ops
useradd --create-home --shell /bin/bash --uid 1001 --password '*' --groups sudo nosudo
echo 'ops ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/90-ops
chmod 440 /etc/sudoers.d/90-ops

# As providers' images have it; a hardening drop-in must sort before it to win.
mkdir -p /etc/ssh/sshd_config.d
echo 'PasswordAuthentication yes' >/etc/ssh/sshd_config.d/50-cloud-init.conf

cat >/etc/systemd/network/10-lab.network <<'END'
[Match]
Name=en* eth*

[Network]
DHCP=ipv4
IgnoreCarrierLoss=yes
END
systemctl enable systemd-networkd.service ssh.service
for unit in systemd-resolved.service apt-daily.timer apt-daily-upgrade.timer; do
    systemctl disable "$unit" 2>/dev/null || true  # apt's timers would hold its lock at random moments
done

# What must differ between hosts is made when a host is.
rm -f /etc/ssh/ssh_host_* /etc/hostname /etc/resolv.conf /var/lib/dbus/machine-id
: >/etc/machine-id
mkdir -p /var/log/journal # the journal outlives a reboot

rm -rf /var/cache/apt/*.bin /var/lib/apt/lists/* /var/log/*.log /var/log/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old
rm -f /usr/sbin/policy-rc.d
