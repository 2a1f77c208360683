"""The record of a host, for tests without hosts."""

from __future__ import annotations

from skerry.lab.host import HostRecord

MACHINE = "skerry0ff-1"


def record(backend: str, kernel_args: str = "") -> HostRecord:
    return HostRecord(
        "oslo-1", backend, 1, MACHINE, "focal-tree-1", "10.213.255.11", 22, "10.214.255.11",
        2, 2048, 20, kernel_args, 6443,
    )  # fmt: skip
