"""apt on a host where another apt may be at work."""

from __future__ import annotations

# unattended-upgrades right after the first boot, or the shell of a run that was killed. DPkg::Lock::Timeout
# waits for one of their locks alone, so this waits for all of them.
WITH_APT_LOCK_RETRY = (
    "export LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a; "
    'patiently() { for attempt in $(seq 150); do said=$("$@" 2>&1) && return; case $said in '
    "*'Could not get lock'*|*'locked by another process'*) sleep 2 ;; *) break ;; esac; done; "
    "printf '%s\\n' \"$said\" >&2; return 1; }; "
)
"""The shell function `patiently`, to be put before commands that call apt-get or dpkg."""

_UPDATED = "/var/lib/apt/lists/skerry"  # no dot: it goes when somebody removes all lists
_FRESH_MINUTES = 30


def install(packages: str) -> str:
    """Shell that installs packages, given as quoted words. Lists that Skerry fetched just now are not fetched again.

    Descriptions in words, half of all that is fetched, are left to the next `apt update` of a person or timer.
    Configuration files that someone changed are kept.
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
"""The shell function `take_off remove|purge PACKAGE…`: they go if they are here, and nothing else with them."""
