# Each "@name" line opens a section; skerry/model/preparation/host_facts.py parses them.
# $1: a URL that this host must reach, or empty; $2: a file that makes it unnecessary.

running() { # prints those of the units that run, each with a space on both sides
  for state in $(systemctl is-active "$@" 2>/dev/null); do
    case $state in active|reloading) printf ' %s ' "$1" ;; esac
    shift
  done
}

section hostname; hostname
section machine_id; cat /etc/machine-id 2>/dev/null
section os; cat /etc/os-release
section arch; uname -m
section kernel; uname -r
section init; cat /proc/1/comm
section virtualisation; echo "$virtualisation"
section cgroup; stat -fc %T /sys/fs/cgroup
section cores; nproc
section memory_kib; awk '/^MemTotal:/ { print $2 }' /proc/meminfo

# The file system that holds, or will hold, K3s's data.
section disk
path=/var/lib/rancher/k3s
while [ ! -d "$path" ]; do path=$(dirname "$path"); done
printf '%s %s %s\n' "$path" "$(stat -fc %T "$path")" "$(df -Pk "$path" | awk 'NR == 2 { print $4 }')"

# The datastore's file system, and the verdict of `invoke bench-disk` or an earlier run on it (skerry/model/disk.py).
section disk_fsid
path=/var/lib/rancher/k3s/server/db
while [ ! -d "$path" ]; do path=$(dirname "$path"); done
stat -fc %i "$path"
section disk_record; cat /var/lib/skerry/disk.json 2>/dev/null

section clock; date -u +%s.%N
section clock_synchronised; timedatectl show -p NTPSynchronized --value 2>/dev/null

# Every listener with its process's unit, which tells our own K3s and pods from other programs.
section listeners
unit_of() { # $1: a pid
  unit=-
  while read -r line; do
    case $line in *.service*) line=${line%%.service*}; unit=${line##*/}.service; return ;; esac
  done < "/proc/$1/cgroup"
}
ss -Hltunp 2>/dev/null | while read -r protocol _ _ _ local _ users; do
  pid=${users#*pid=}; pid=${pid%%,*}
  process=-; unit=-
  if [ -n "$users" ] && [ -r "/proc/$pid/comm" ]; then
    read -r process < "/proc/$pid/comm"
    set -f; set -- $process; set +f
    IFS=; process="$*"; unset IFS
    unit_of "$pid"
  fi
  printf '%s %s %s %s\n' "$protocol" "$local" "${process:--}" "$unit"
done

section routes; ip -4 -o route show

# Other Kubernetes distributions and container runtimes, known by their units and folders.
section rivals
rivals="kubelet containerd docker crio k0scontroller k0sworker rke2-server rke2-agent snap.microk8s.daemon-kubelite"
firewalls="firewalld nftables"
active=$(running $rivals $firewalls)
for unit in $rivals; do
  case $active in *" $unit "*) echo "$unit.service is running" ;; esac
done
for path in /etc/kubernetes/manifests /etc/kubernetes/admin.conf /var/lib/k0s /var/lib/rancher/rke2 /var/snap/microk8s; do
  [ -e "$path" ] && echo "$path exists"
done

# Firewalls that would conflict with ours, or flush the cluster's rules.
section firewalls
grep -qs '^ENABLED=yes' /etc/ufw/ufw.conf && echo ufw
for unit in $firewalls; do case $active in *" $unit "*) echo "$unit" ;; esac; done
section addresses; ip -o address show scope global 2>/dev/null | awk '{ print $4 }'

section k3s_installed; [ -e /usr/local/bin/k3s ] && echo yes || echo no
# The version with which the running process was started, or the link's if K3s is down. If something else, such as
# system-upgrade-controller, has replaced the link by a binary, that binary's.
section k3s_version
linked=$(readlink /usr/local/bin/k3s 2>/dev/null | sed -n 's,^/usr/local/lib/k3s/\([^/]*\)/k3s$,\1,p')
if [ -n "$linked" ]; then
  version=$(started_as k3s)
  [ -n "$version" ] || version=$(started_as k3s-agent)
  echo "${version:-$linked}"
elif [ -x /usr/local/bin/k3s ]; then
  /usr/local/bin/k3s --version 2>/dev/null | sed -n 's/^k3s version \(v[0-9.]*+k3s[0-9]*\).*/\1/p'
fi
section datastore
db=/var/lib/rancher/k3s/server/db
if [ -e $db/etcd/member ]; then echo etcd; elif [ -e $db/state.db ]; then echo sqlite; fi
section server_state; systemctl is-active k3s 2>/dev/null
section grub; command -v update-grub > /dev/null && [ -d /etc/default ] && [ -f /boot/grub/grub.cfg ] && echo yes || echo no

# "ok", "unknown" (no tool to try it with), or the reason of the failure.
section reach
if [ -n "$1" ] && [ ! -e "$2" ]; then
  if command -v curl > /dev/null; then
    reason=$(curl -fsSIL --max-time 15 -o /dev/null "$1" 2>&1) && echo ok || echo "${reason:-no answer}"
  elif command -v wget > /dev/null; then
    wget -q --spider --timeout=15 --tries=1 "$1" && echo ok || echo "no answer"
  elif command -v python3 > /dev/null; then
    python3 -c 'import sys, urllib.request as u
try: u.urlopen(u.Request(sys.argv[1], method="HEAD"), timeout=15); print("ok")
except OSError as why: print(why)' "$1"
  else
    echo unknown
  fi
fi
