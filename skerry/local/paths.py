"""Paths on the operator's machine."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).parents[2]
"""The checkout, which holds deploy/, inventories/ and skerry/."""

SKERRY = Path(os.environ.get("SKERRY_HOME", PROJECT / ".skerry"))
"""The folder of everything that Skerry keeps on this machine."""


def keys_folder() -> Path:
    """Returns the folder of private keys, outside of any checkout."""
    return Path(os.environ.get("SKERRY_KEYS") or Path.home() / ".config" / "skerry" / "keys").absolute()


def lab_folder() -> Path:
    """Returns the folder of the lab's hosts and images."""
    return Path(os.environ.get("SKERRY_LAB") or PROJECT / ".lab").absolute()


AUDITS = SKERRY / "audits"
"""The audit pages, one HTML file each."""

BACKUPS = SKERRY / "backups"
"""The encrypted archives of `invoke backup`, one folder per cluster."""

BENCH = SKERRY / "bench"
"""The runs of `invoke bench-disk`, one folder per cluster."""

DRILLS = SKERRY / "drills"
"""The inventory of a restore drill while it runs."""

LOCKS = SKERRY / "locks"
"""One lock file per cluster, held by the run that changes it."""

REBOOTS = SKERRY / "reboots"
"""The boot ids from before a rolling reboot that has not ended yet."""

RUNS = SKERRY / "runs"
"""The journals, one folder per run."""

TOOLS = SKERRY / "tools"
"""Programs unpacked for this project, such as flux and kustomize."""

UPGRADES = SKERRY / "upgrades"
"""The last upgrade of each cluster, which `invoke rollback` undoes."""
