"""Install fio on a host for the time of a measurement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fabric

from skerry.model.host_paths import BENCH_PACKAGES_RECORD, STATE
from skerry.model.preparation.apt import WITH_APT_LOCK_RETRY
from skerry.remote import ssh
from skerry.remote.inventory import Host

# Prints the packages that would be installed. It prints none if the package lists are missing: then they are updated.
_NEW = "apt-get -s install --no-install-recommends fio | sed -n 's/^Inst \\([^ ]*\\).*/\\1/p'"
# The packages are recorded before they are installed, so that `remove` finds them after a crash.
INSTALL = (
    f"mkdir -p {STATE}; {WITH_APT_LOCK_RETRY}"
    f'[ -n "$({_NEW})" ] || patiently apt-get -q -o Acquire::Retries=3 update; '
    f"{_NEW} >> {BENCH_PACKAGES_RECORD}.new; mv -f {BENCH_PACKAGES_RECORD}.new {BENCH_PACKAGES_RECORD}; "
    "patiently apt-get -q -y -o Acquire::Retries=3 install --no-install-recommends fio"
)
REMOVE = (
    f"[ ! -e {BENCH_PACKAGES_RECORD} ] || {{ {WITH_APT_LOCK_RETRY} "
    f"patiently apt-get -q -y purge $(cat {BENCH_PACKAGES_RECORD}) && rm -f {BENCH_PACKAGES_RECORD}; }}"
)


def install(connection: fabric.Connection, host: Host, progress: Callable[[dict[str, Any]], None]) -> str:
    """Install fio unless the host has it. Returns the error in one line, "" if the host has fio now."""
    try:
        if ssh.run(connection, host, "command -v fio || true").strip():
            return ""
        progress({"note": "installing fio"})
        ssh.run(connection, host, INSTALL)
    except RuntimeError as error:
        return str(error).splitlines()[-1]
    return ""


def remove(connection: fabric.Connection, host: Host) -> None:
    """Remove the packages that `install` added, in this run or in one that was killed, as recorded on the host."""
    ssh.run(connection, host, REMOVE)
