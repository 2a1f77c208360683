"""Snapshots of a host, each with a label, kept until the host is taken down."""

from __future__ import annotations

import re

from skerry.lab import backends, nspawn, power, processes
from skerry.lab.folder import current_lab
from skerry.lab.host import FRESH, LabError, LabHost


def snapshot(name: str, label: str) -> None:
    """Keep the host's state under the label, replacing an older snapshot of that label.

    A running qemu host is kept with its memory and pauses only briefly; a running nspawn host is rebooted.
    """
    if label == FRESH or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", label):
        raise LabError(f"{label!r} cannot be a snapshot's label; use letters, digits and '-', not {FRESH!r}")
    lab = current_lab()
    with lab.lock():
        record = lab.record(name)
        backends.get(record.backend).save(lab, record, label)
    if processes.main_pid(record.machine) is not None:
        power.await_boot(lab, record)


def share(name: str, label: str, recipient: str) -> None:
    """Copy a snapshot to `recipient`, which keeps its own identity. Raises LabError unless both are nspawn hosts."""
    lab = current_lab()
    with lab.lock():
        source, target = lab.record(name), lab.record(recipient)
        if {source.backend, target.backend} != {"nspawn"}:
            raise LabError("only nspawn hosts can share a snapshot")
        nspawn.share(lab, source, label, target)


def restore(name: str, label: str) -> LabHost:
    """Run the host from a snapshot. Raises LabError with the labels of all snapshots if this one is missing."""
    lab = current_lab()
    record = lab.record(name)
    labels = backends.get(record.backend).snapshots(lab, record)
    if label not in labels:
        raise LabError(f"{name} has no snapshot {label}; there are: {', '.join(labels) or 'none'}")
    return power.load_snapshot(lab, record, label)
