"""Shell commands that use apt on a host where another apt may be running."""

from __future__ import annotations

# Another apt may hold apt's locks: unattended-upgrades right after the first boot, or the shell of a killed run.
# DPkg::Lock::Timeout waits for only one of the locks; `patiently` waits for all.
WITH_APT_LOCK_RETRY = (
    "export LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a; "
    'patiently() { for attempt in $(seq 150); do said=$("$@" 2>&1) && return; case $said in '
    "*'Could not get lock'*|*'locked by another process'*) sleep 2 ;; *) break ;; esac; done; "
    "printf '%s\\n' \"$said\" >&2; return 1; }; "
)
"""Shell function `patiently`, which retries an apt-get or dpkg command while another process holds a lock."""

# Without a leading dot, so that removing all package lists removes this file, too.
_UPDATED = "/var/lib/apt/lists/skerry"
_FRESH_MINUTES = 30


def install(packages: str) -> str:
    """Returns a command that installs `packages`, given as quoted words, and keeps changed configuration files.

    The command first updates the package lists if Skerry last did so over half an hour ago, or if the last installation
    failed. It skips translated package descriptions (half of the download).
    """
    return (
        f"{WITH_APT_LOCK_RETRY}"
        f'{{ [ -n "$(find {_UPDATED} -mmin -{_FRESH_MINUTES} 2>/dev/null)" ] || '
        "{ patiently apt-get -q -o Acquire::Retries=3 -o Acquire::Languages=none update && "
        f"touch {_UPDATED}; }}; }} && "
        "{ patiently apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold "
        f"install --no-install-recommends {packages} || {{ rm -f {_UPDATED}; false; }}; }}"
    )


REMOVE_UNNEEDED = (
    f"{WITH_APT_LOCK_RETRY}"
    'drags() { [ "$(apt-get -s remove "$@" 2>/dev/null | grep -c ^Remv)" -gt $# ]; }; '
    "take_off() { verb=$1; shift; here=; for package; do "
    'case "$(dpkg-query -W -f \'${db:Status-Status}\' "$package" 2>/dev/null)" in '
    "'' | not-installed | config-files) ;; *) here=\"$here $package\" ;; esac; done; "
    'set -- $here; if drags "$@"; then set --; for package in $here; do '
    'if drags "$@" "$package"; then echo "$package stays: other packages need it"; '
    'else set -- "$@" "$package"; fi; done; fi; '
    '[ $# -eq 0 ] || patiently apt-get -q -y "$verb" "$@"; }; '
)
"""Shell function `take_off remove|purge PACKAGE…`, which skips packages that other installed packages need."""
