# Put before every fact's script. Facts read and change nothing.
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
section() { printf '@%s\n' "$1"; }

# One line for each path that exists: path, octal mode, owner, group, sha256.
file_states() {
  for file in "$@"; do
    [ -f "$file" ] || continue
    printf '%s %s %s\n' "$file" "$(stat -c '%a %U %G' "$file")" "$(sha256sum < "$file" | cut -d ' ' -f 1)"
  done
}
