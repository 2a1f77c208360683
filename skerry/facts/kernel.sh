# $1: modules, $2: sysctl keys, each separated by spaces; from $3: our files.
modules=$1; keys=$2; shift 2
section files; file_states "$@"
section missing_modules
for module in $modules; do
  # A module built into the kernel has no entry in /proc/modules but one in /sys/module or modules.builtin.
  [ -d "/sys/module/$module" ] || grep -q "/$module\.ko" "/lib/modules/$(uname -r)/modules.builtin" 2>/dev/null || echo "$module"
done
section sysctls; sysctls $keys
section virtualisation; echo "$virtualisation"
