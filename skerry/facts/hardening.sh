# $1: the values to read, "kind key" on each line.
line_end='
'
files= sysctls= modules= modes= units= packages= mounts= lines= users=
set -f; IFS=$line_end
for place in $1; do
  key=${place#* }
  case $place in
    file\ *) files="$files $key" ;;
    sysctl\ *) sysctls="$sysctls $key" ;;
    module\ *) modules="$modules $key" ;;
    mode\ *) modes="$modes $key" ;;
    unit\ *) units="$units $key" ;;
    package\ *) packages="$packages $key" ;;
    mount\ *) mounts="$mounts $key" ;;
    line\ *) lines="$lines$key$line_end" ;;
    user\ *) users="$users $key" ;;
  esac
done
set +f; unset IFS
section files; file_states $files
section kept; cat /var/lib/skerry/before/list 2>/dev/null | cut -d ' ' -f 1,2
section armed; cat /var/lib/skerry/guard/name 2>/dev/null
# The server's package depends on the client's of the same version.
section openssh; ssh -V 2>&1 | grep -o 'OpenSSH_[0-9.]*'
section sshd; sshd -T 2>/dev/null
section include; awk '!/^[ \t]*(#|$)/ { print tolower($0); exit }' /etc/ssh/sshd_config
section hostkeys
for key in /etc/ssh/ssh_host_*_key; do
  [ -f "$key.pub" ] || continue
  set -- $(ssh-keygen -lf "$key.pub")
  type=${key#/etc/ssh/ssh_host_}; echo "$key ${type%_key} $1"
done
section sshports
{ ss -Hltnp | awk '/"sshd"/ { sub(/.*:/, "", $4); print $4 }'
  systemctl show ssh.socket -p Listen --value 2>/dev/null | grep -o ':[0-9]* (Stream)' | tr -dc '0-9\n'; } | sort -u
section sysctls; sysctls $sysctls
section modules
blocked=" $(modprobe --showconfig 2>/dev/null | sed -n 's/^install \([^ ]*\) \/bin\/\(false\|true\)$/\1/p' | tr -- '-\n' '_ ') "
for name in $modules; do
  IFS=-; set -- $name; IFS=_
  known=$* # with underscores, as the kernel names it
  unset IFS
  if [ -d "/sys/module/$known" ]; then echo "$name loaded"; continue; fi
  case $blocked in *" $known "*) echo "$name blocked" ;; *) echo "$name loadable" ;; esac
done
section modes
set -f; set -- $modes; set +f
stat -c '%n %a %U %G' "$@" 2>/dev/null
# For a pattern of several files: the union of their modes, and every owner, once if it is the same for all.
for pattern; do
  case $pattern in *'*') ;; *) continue ;; esac
  stat -c '%a %U %G' $pattern 2>/dev/null | {
    granted=0 owners=
    while read -r mode owner; do
      granted=$((granted | 0$mode))
      [ "$owner" = "$owners" ] || owners="$owners$owner"
    done
    [ -z "$owners" ] || printf '%s %o %s\n' "$pattern" "$granted" "$owners"
  }
done
section units
set -- $units
systemctl show "$@" -p Id -p LoadState -p ActiveState -p UnitFileState 2>/dev/null
section ufw; grep -s '^ENABLED=yes' /etc/ufw/ufw.conf
section packages
set -- $packages
dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null | grep ' installed$'
section mounts
for place in $mounts; do
  echo "$place $(awk -v place="$place" '$2 == place { options = $4 } END { print options }' /proc/self/mounts)"
done
section lines
printf %s "$lines" | while read -r path key; do
  echo "$path $key $(awk -v key="$key" '$1 == key { value = $2 } END { print value }' "$path" 2>/dev/null)"
done
section firewall
# The table is as loaded if the checksums of file and table are those recorded when the file was loaded.
if nft list table inet skerry > /dev/null 2>&1; then
  now=$(sha256sum < /etc/skerry/firewall.nft; nft -s list table inet skerry | sha256sum)
  [ "$now" = "$(cat /run/skerry-firewall 2>/dev/null)" ] && echo "as written" || echo "differs"
else
  echo absent
fi
section k3s; cat /etc/rancher/k3s/config.yaml 2>/dev/null
section users
for name in $users; do getent passwd "$name" | awk -F: '{ print $1, $6 }'; done
section virtualisation; echo "$virtualisation"
