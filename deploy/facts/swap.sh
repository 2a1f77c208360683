section active; awk 'NR > 1 { print $1 }' /proc/swaps
section fstab; awk '$1 !~ /^#/ && $3 == "swap"' /etc/fstab 2>/dev/null
# Units that would bring swap back at the next boot: generated from fstab ones vanish with their line.
section units
systemctl list-unit-files --no-legend --type=swap 2>/dev/null | awk '$2 != "generated" && $2 != "masked" { print $1 }'
for unit in zramswap.service zram-config.service dphys-swapfile.service; do
  state=$(systemctl is-enabled "$unit" 2>/dev/null)
  case $state in enabled*|generated|static|indirect) echo "$unit" ;; esac
done
# zram-generator makes swap units at boot from its configuration; an empty one in /etc says no.
section zram_generator
for generator in /usr/lib/systemd/system-generators/zram-generator /lib/systemd/system-generators/zram-generator; do
  if [ -x "$generator" ] && { [ ! -e /etc/systemd/zram-generator.conf ] || [ -s /etc/systemd/zram-generator.conf ]; }; then
    echo yes; break
  fi
done
section virtualisation; systemd-detect-virt 2>/dev/null
