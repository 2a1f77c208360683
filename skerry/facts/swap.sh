section active; awk 'NR > 1 { print $1 }' /proc/swaps
section fstab; awk '$1 !~ /^#/ && $3 == "swap"' /etc/fstab 2>/dev/null
# Units that another unit wants at boot and that are not masked. Units generated from fstab are in /run and disappear
# with their line. Reading the links is about twenty times faster than `systemctl list-unit-files`.
section units
for link in /etc/systemd/system/*.wants/*.swap /etc/systemd/system/*.requires/*.swap \
  /lib/systemd/system/*.wants/*.swap /etc/systemd/system/*.wants/zramswap.service \
  /etc/systemd/system/*.wants/zram-config.service /etc/systemd/system/*.wants/dphys-swapfile.service; do
  unit=${link##*/}
  [ -L "$link" ] && [ "$(readlink "/etc/systemd/system/$unit")" != /dev/null ] && echo "$unit"
done | sort -u
# zram-generator creates swap units at boot from its configuration, and none from an empty file in /etc.
section zram_generator
for generator in /usr/lib/systemd/system-generators/zram-generator /lib/systemd/system-generators/zram-generator; do
  if [ -x "$generator" ] && { [ ! -e /etc/systemd/zram-generator.conf ] || [ -s /etc/systemd/zram-generator.conf ]; }; then
    echo yes; break
  fi
done
section virtualisation; echo "$virtualisation"
