# Keeps what is there before Skerry first changes it, so that unharden can put it back. Standard input: lines
# "file PATH", "mode PATH" (or a pattern), "sysctl KEY", "unit NAME", "install PACKAGE", "purge PACKAGE". Only the first
# time counts.
PATH=$PATH:/usr/sbin:/sbin
BEFORE=/var/lib/skerry/before
umask 077
mkdir -p "$BEFORE/files"
touch "$BEFORE/list"
kept() { grep -qF -- "$1 $2 " "$BEFORE/list"; }
while read -r kind key; do
  kept "$kind" "$key" && continue
  case $kind in
    file) if [ -e "$key" ]; then cp -a --parents "$key" "$BEFORE/files" || exit 1; was=there; else was=absent; fi ;;
    mode)
      for path in $key; do
        [ ! -e "$path" ] || kept mode "$path" || stat -c 'mode %n %a %U %G' "$path" >> "$BEFORE/list"
      done
      continue ;;
    sysctl) was=$(sysctl -n "$key" 2>/dev/null) || continue ;;
    unit) was="$(systemctl is-enabled "$key" 2>/dev/null | tail -n 1) $(systemctl is-active "$key" 2>/dev/null)" ;;
    install | purge) was=$(dpkg-query -W -f '${db:Status-Status}' "$key" 2>/dev/null || echo absent) ;;
  esac
  printf '%s %s %s\n' "$kind" "$key" "$was" >> "$BEFORE/list"
done
sync
