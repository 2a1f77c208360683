section active; awk 'NR > 1 { print $1 }' /proc/swaps
section fstab; awk '$1 !~ /^#/ && $3 == "swap"' /etc/fstab 2>/dev/null
# Units that something pulls in at boot and nobody has masked. Those made from fstab are in /run and go with
# their line. Looking at the links is some twenty times faster than asking systemctl for its unit files.
section units
for link in /etc/systemd/system/*.wants/*.swap /etc/systemd/system/*.requires/*.swap \
  /lib/systemd/system/*.wants/*.swap /etc/systemd/system/*.wants/zramswap.service \
  /etc/systemd/system/*.wants/zram-config.service /etc/systemd/system/*.wants/dphys-swapfile.service; do
  unit=${link##*/}
  [ -L "$link" ] && [ "$(readlink "/etc/systemd/system/$unit")" != /dev/null ] && echo "$unit"
done | sort -u
# zram-generator makes swap units at boot from its configuration; an empty one in /etc says no.
section zram_generator
for generator in /usr/lib/systemd/system-generators/zram-generator /lib/systemd/system-generators/zram-generator; do
  if [ -x "$generator" ] && { [ ! -e /etc/systemd/zram-generator.conf ] || [ -s /etc/systemd/zram-generator.conf ]; }; then
    echo yes; break
  fi
done
section virtualisation; echo "$virtualisation"
