#!/bin/sh
# Written by Skerry; means what K3s's own k3s-uninstall.sh means: K3s, its configuration and ALL ITS DATA go,
# local volumes among them. `invoke uninstall` asks before it comes to that; this script does not.
[ "$(id -u)" = 0 ] || { echo "run as root" >&2; exit 1; }
/usr/local/bin/k3s-killall.sh || exit 1

for unit in k3s k3s-agent; do
  systemctl disable --quiet "$unit" 2>/dev/null
  rm -rf "/etc/systemd/system/$unit.service" "/etc/systemd/system/$unit.service.env" "/etc/systemd/system/$unit.service.d"
done
systemctl daemon-reload
systemctl reset-failed k3s k3s-agent 2>/dev/null

# Whatever is mounted below the data stays mounted, its contents untouched: that disk was not ours to empty.
remove() {
  [ -e "$1" ] || return 0
  if awk -v place="$1" 'index($2, place) == 1 { found = 1 } END { exit !found }' /proc/self/mounts; then
    find "$1" -xdev -mindepth 1 -depth ! -type d -delete
    find "$1" -xdev -mindepth 1 -depth -type d -empty -delete 2>/dev/null
    return 0
  fi
  rm -rf "$1"
}
for path in /etc/rancher/k3s /etc/rancher/node /var/lib/rancher/k3s /var/lib/kubelet /run/flannel; do
  remove "$path"
done
rmdir /etc/rancher /var/lib/rancher 2>/dev/null

for name in kubectl crictl ctr; do
  [ "$(readlink "/usr/local/bin/$name")" = k3s ] && rm -f "/usr/local/bin/$name"
done
rm -rf /usr/local/lib/k3s
rm -f /usr/local/bin/k3s /usr/local/bin/k3s-killall.sh /usr/local/bin/k3s-uninstall.sh
exit 0
