"""Cgroups of nspawn hosts on a machine without systemd.

A host in a cgroup of its own sees this cgroup as the root of every hierarchy. So the cgroups that K3s makes in one host
do not mix with those of other hosts, and are removed with the host's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from skerry.lab.command import as_root, run

_MOUNTS = Path("/proc/self/mountinfo")


def systemd_manages() -> bool:
    """Whether this machine runs systemd, which then puts each host into a scope."""
    return Path("/run/systemd/system").exists()


def host_groups(machine: str) -> list[Path]:
    """The host's cgroup in every hierarchy, whether or not it exists."""
    return [Path(mount) / machine for mount in mount_points(_MOUNTS.read_text())]


def machines(resource_prefix: str) -> set[str]:
    """The machine names of a lab's hosts that have a cgroup."""
    mounts = (Path(mount) for mount in mount_points(_MOUNTS.read_text()))
    return {group.name for mount in mounts for group in mount.glob(f"{resource_prefix}-*")}


def mount_points(mountinfo: str) -> list[str]:
    """The mount points of all cgroup hierarchies."""
    points = []
    for line in mountinfo.splitlines():
        fields, _, rest = line.partition(" - ")
        if rest.split()[0] in ("cgroup", "cgroup2"):
            points.append(fields.split()[4])
    return points


def remove(machine: str) -> list[Path]:
    """Remove the host's cgroups. Returns those that remain because a process in them has not ended yet."""
    groups = [group for group in host_groups(machine) if group.is_dir()]
    folders = [str(folder) for group in groups for folder in _deepest_first(group)]
    if folders:
        run(as_root(["rmdir", *folders]), check=False)
    return [group for group in host_groups(machine) if group.is_dir()]


def _deepest_first(top: Path) -> Iterator[Path]:
    for folder, _, _ in os.walk(top, topdown=False):
        yield Path(folder)
