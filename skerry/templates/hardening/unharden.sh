# Puts back what keep.sh has kept, last first. SSH's files and the firewall have been armed with the guard before.
# patiently and take_off come from skerry/model/preparation/apt.py.
PATH=$PATH:/usr/sbin:/sbin
BEFORE=/var/lib/skerry/before
[ -f "$BEFORE/list" ] || exit 0
failed=0
tac "$BEFORE/list" > "$BEFORE/reversed"
exec 8< "$BEFORE/reversed"
while read -r kind key was <&8; do
  case "$kind $was" in
    "file there")
      cp -a "$BEFORE/files$key" "$key.skerry-new" && mv -f "$key.skerry-new" "$key" || failed=1 ;;
    "file absent") rm -f "$key" ;;
    mode*) set -- $was; [ ! -e "$key" ] || { chmod "$1" "$key" && chown "$2:$3" "$key"; } || failed=1 ;;
    sysctl*) sysctl -q -w "$key=$was" || echo "$key stays until the next boot" ;;
    unit*)
      case $was in
        *disabled* | *masked*) systemctl disable --quiet "$key" 2>/dev/null ;;
        enabled*) systemctl unmask --quiet "$key"; systemctl enable --quiet "$key" ;;
        *) systemctl unmask --quiet "$key" 2>/dev/null ;;
      esac
      case $key,$was in
        ufw,*) ufw --force enable > /dev/null ;; # kept only where it was on; its unit is active even when it is off
        *" active") systemctl start "$key" ;;
        *) systemctl stop "$key" 2>/dev/null ;;
      esac ;;
    "install absent" | "install config-files" | "install not-installed") remove="$remove $key" ;;
    "purge installed") install="$install $key" ;;
  esac
done
take_off purge $remove || failed=1
[ -z "$install" ] || { patiently apt-get -q update; patiently apt-get -q -y install $install || failed=1; }
systemctl daemon-reload
systemctl reset-failed 2>/dev/null
systemctl try-restart systemd-journald
mount -o remount /dev/shm 2>/dev/null
[ "$failed" = 0 ] || { echo "not everything could be put back; what was before is in $BEFORE" >&2; exit 1; }
rm -rf "$BEFORE"
