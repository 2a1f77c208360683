# $@: package names. Prints those that are not fully installed, and whether dpkg was interrupted.
section missing
installed=$(dpkg-query -W -f ' ${Package} ${db:Status-Status} ' "$@" 2>/dev/null)
for package in "$@"; do
  case $installed in *" $package installed "*) continue ;; esac
  # The name may include an architecture.
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)
  [ "$status" = installed ] || echo "$package"
done
section interrupted
[ -z "$(ls /var/lib/dpkg/updates 2>/dev/null)" ] && [ -z "$(dpkg --audit 2>/dev/null)" ] || echo yes
