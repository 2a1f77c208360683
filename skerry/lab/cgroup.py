"""A cgroup per nspawn host where no systemd of this machine makes one.

In a group of its own a host sees itself as the root of every hierarchy: what K3s makes there
stays apart from other hosts and goes when the group goes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from skerry.lab.command import as_root, run

_MOUNTS = Path("/proc/self/mountinfo")


def managed() -> bool:
    """Whether this machine's systemd will give the host a scope of its own."""
    return Path("/run/systemd/system").exists()


def groups(machine: str) -> list[Path]:
    """The host's group in every hierarchy, there or not."""
    return [Path(mount) / machine for mount in mount_points(_MOUNTS.read_text())]


def machines(mark: str) -> set[str]:
    """Hosts of a lab that have a group left."""
    tops = (Path(mount) for mount in mount_points(_MOUNTS.read_text()))
    return {group.name for top in tops for group in top.glob(f"{mark}-*")}


def mount_points(mountinfo: str) -> list[str]:
    """Where cgroup hierarchies are mounted."""
    found = []
    for line in mountinfo.splitlines():
        fields, _, rest = line.partition(" - ")
        if rest.split()[0] in ("cgroup", "cgroup2"):
            found.append(fields.split()[4])
    return found


def remove(machine: str) -> list[Path]:
    """Remove the host's groups and all below them, and return what stayed: processes may still be ending."""
    found = [str(group) for top in groups(machine) if top.is_dir() for group in _deepest_first(top)]
    if found:
        run(as_root(["rmdir", *found]), check=False)
    return [group for group in groups(machine) if group.is_dir()]


def _deepest_first(top: Path) -> Iterator[Path]:
    for folder, _, _ in os.walk(top, topdown=False):
        yield Path(folder)
