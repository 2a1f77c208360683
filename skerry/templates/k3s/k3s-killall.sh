#!/bin/sh
# Written by Skerry; means what K3s's own k3s-killall.sh means: stop K3s and every pod on this host,
# and take down their mounts, interfaces and firewall rules. Data, configuration and the binary stay.
PATH=$PATH:/usr/sbin:/sbin
[ "$(id -u)" = 0 ] || { echo "run as root" >&2; exit 1; }

for unit in k3s k3s-agent; do
  systemctl stop "$unit" 2>/dev/null
done

# Pods outlive the service by design: their shims, and what runs below them, are ended here.
tree() {
  for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do tree "$child"; done
  echo "$1"
}
for process in /proc/[0-9]*; do
  pid=${process#/proc/}
  case $(tr '\0' ' ' < "$process/cmdline" 2>/dev/null) in
    *containerd-shim*" -address /run/k3s/containerd/"*) tree "$pid" ;;
  esac
done | sort -u | xargs -r kill -9 2>/dev/null

# Deepest mounts first.
for place in /run/k3s /var/lib/kubelet/pods /var/lib/kubelet/plugins /run/netns/cni-; do
  awk -v place="$place" 'index($2, place) == 1 { print $2 }' /proc/self/mounts | sort -r | xargs -r -n 1 umount
done
rm -rf /run/k3s /var/lib/cni
for namespace in $(ip netns list 2>/dev/null | awk '/^cni-/ { print $1 }'); do ip netns delete "$namespace"; done

for link in $(ip -o link show master cni0 2>/dev/null | awk -F ': ' '{ sub(/@.*/, "", $2); print $2 }'); do
  ip link delete "$link"
done
for link in cni0 flannel.1 flannel-v6.1 flannel-wg flannel-wg-v6 kube-ipvs0; do
  ip link show "$link" > /dev/null 2>&1 && ip link delete "$link"
done

for tool in iptables ip6tables; do
  command -v "$tool-save" > /dev/null || continue
  if "$tool-save" 2>/dev/null | grep -Eq 'KUBE-|CNI-|flannel|FLANNEL'; then
    "$tool-save" | grep -Ev 'KUBE-|CNI-|flannel|FLANNEL' | "$tool-restore"
  fi
done
exit 0
