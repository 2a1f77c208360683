#!/bin/sh
# Written by Skerry. Takes a change to SSH or the firewall back unless a new connection proves that it locks nobody out.
#   guard arm NAME SECONDS PATH...   keep the files as they are; in SECONDS, or at the next boot, put them back
#   guard disarm                     the change is proven: forget the kept files
#   guard rollback                   put the files back now, and make SSH and the firewall follow
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
KEPT=/var/lib/skerry/guard
export LC_ALL=C
umask 077
mkdir -p /var/lib/skerry
exec 9> /run/lock/skerry-guard
flock 9

follow() { # the running system is made to follow the files; nothing here waits, because it also runs during boot
  case $1 in
    *firewall*)
      if [ -f /etc/skerry/firewall.nft ]; then
        nft -f /etc/skerry/firewall.nft &&
          { sha256sum < /etc/skerry/firewall.nft; nft -s list table inet skerry | sha256sum; } > /run/skerry-firewall
      else
        nft delete table inet skerry 2>/dev/null
        systemctl disable --quiet skerry-firewall 2>/dev/null
      fi
      while read -r unit state; do
        [ "$state" = active ] && systemctl --quiet enable "$unit" && systemctl --no-block start "$unit"
        [ "$unit" = ufw ] && [ "$state" = active ] && ufw --force enable
      done < "$KEPT/firewalls"
      ;;
  esac
  case $1 in
    *ssh*)
      for unit in ssh.service sshd.service; do
        systemctl cat "$unit" > /dev/null 2>&1 || continue
        systemctl reset-failed "$unit" 2>/dev/null
        systemctl is-active --quiet ssh.socket || systemctl --no-block restart "$unit"
        break
      done
      ;;
  esac
}

rollback() {
  [ -d "$KEPT" ] || return 0
  while read -r state path; do
    if [ "$state" = there ]; then
      mkdir -p "$(dirname "$path")"
      cp -a "$KEPT/files$path" "$path.skerry-new" && mv -f "$path.skerry-new" "$path"
    else
      rm -f "$path"
    fi
  done < "$KEPT/list"
  sync
  follow "$(cat "$KEPT/name")"
  rm -rf "$KEPT"
  echo "skerry: the change was not proven in time; everything is as it was before it"
}

case $1 in
  arm)
    rollback # what an earlier run has left unproven
    name=$2 seconds=$3
    shift 3
    rm -rf "$KEPT.new"
    mkdir -p "$KEPT.new/files"
    echo "$name" > "$KEPT.new/name"
    for path in "$@"; do
      if [ -e "$path" ]; then
        cp -a --parents "$path" "$KEPT.new/files" && echo "there $path"
      else
        echo "absent $path"
      fi
    done > "$KEPT.new/list"
    for unit in ufw firewalld nftables; do
      state=$(systemctl is-active "$unit" 2>/dev/null)
      [ "$unit" != ufw ] || grep -q '^ENABLED=yes' /etc/ufw/ufw.conf 2>/dev/null || state=inactive
      echo "$unit $state"
    done > "$KEPT.new/firewalls"
    sync
    mv -T "$KEPT.new" "$KEPT"
    systemctl stop skerry-unproven.timer 2>/dev/null
    systemd-run --quiet --unit skerry-unproven --on-active="$seconds" --timer-property=AccuracySec=100ms \
      /usr/local/lib/skerry/guard rollback || { rollback; exit 1; }
    ;;
  disarm)
    [ -d "$KEPT" ] || { echo "the change was taken back already: the proof came too late" >&2; exit 1; }
    systemctl stop skerry-unproven.timer
    rm -rf "$KEPT"
    ;;
  rollback) rollback ;;
  *) sed -n '2,5s/^# *//p' "$0" >&2; exit 2 ;;
esac
