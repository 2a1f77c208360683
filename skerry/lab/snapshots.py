"""Snapshots of a host, each under a label, until the host is taken down."""

from __future__ import annotations

import re

from skerry.lab import backends, nspawn, place, power, processes
from skerry.lab.host import FRESH, Host, LabError


def snapshot(name: str, label: str) -> None:
    """The host is kept under the label (replacing an older snapshot) and is running again if it was.

    A running qemu host is kept with its memory and hardly stops; an nspawn host is rebooted for it.
    """
    if label == FRESH or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", label):
        raise LabError(f"{label!r} cannot be a snapshot's label; use letters, digits and '-', not {FRESH!r}")
    here = place.current()
    with here.lock():
        record = here.record(name)
        backends.get(record.backend).save(here, record, label)
    if processes.main(record.machine) is not None:
        power.await_boot(here, record)


def share(name: str, label: str, other: str) -> None:
    """Another nspawn host has the snapshot, too, and stays who it is; LabError for any other backend."""
    here = place.current()
    with here.lock():
        giver, taker = here.record(name), here.record(other)
        if {giver.backend, taker.backend} != {"nspawn"}:
            raise LabError("only nspawn hosts can share a snapshot")
        nspawn.share(here, giver, label, taker)


def restore(name: str, label: str) -> Host:
    """The host runs as it was at the snapshot; LabError names the snapshots there are."""
    here = place.current()
    record = here.record(name)
    known = backends.get(record.backend).snapshots(here, record)
    if label not in known:
        raise LabError(f"{name} has no snapshot {label}; there are: {', '.join(known) or 'none'}")
    return power.rewind(here, record, label)
