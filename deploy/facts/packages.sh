# $@: package names. Prints those that are not fully installed, and whether dpkg was interrupted.
section missing
for package in "$@"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)
  [ "$status" = installed ] || echo "$package"
done
section interrupted
[ -z "$(ls /var/lib/dpkg/updates 2>/dev/null)" ] && [ -z "$(dpkg --audit 2>/dev/null)" ] || echo yes
