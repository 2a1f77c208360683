"""The verdict on a server's disk as it is kept on the host, and what it means for an installation."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

from skerry.model.files import File
from skerry.model.host_paths import DISK_RECORD

NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb2", "fuseblk", "9p", "v9fs", "ceph"}
"""Types of file systems, as findmnt names them, that need a network or another process: no place for a datastore."""

REFUSED = ("FAIL", "SUSPECT")  # SUSPECT: what is synced may not survive a loss of power

Answer = tuple[Literal["fine", "measure", "warn", "refuse"], str]


@dataclass(frozen=True)
class DiskRecord:
    """What a measurement left on the host. `fsid` names the file system; `measured`: UTC, ISO 8601.

    `predicted`: of the series "sync" and "commit" the shares that took longer than each of bench.record.LIMITS_MS.
    """

    verdict: str
    reason: str
    profile: str
    measured: str
    path: str
    fsid: str
    predicted: dict[str, list[float]]

    def file(self) -> File:
        """As it stands on the host."""
        return File(DISK_RECORD, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def parse(cls, text: str) -> DiskRecord | None:
        """None where there is none, or none that this version wrote."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None


def admit(record: DiskRecord | None, fsid: str, gate: str, measure: bool) -> Answer:
    """What to do with a server before K3s comes to it, and why.

    `fsid`: of the file system that will hold the datastore now. `gate`, `measure`: settings disk_gate, disk_measure.
    """
    if record is None or record.fsid != fsid:
        if measure:
            return "measure", ""
        why = "has not been measured" if record is None else "is another one than was measured"
        problem = f"the datastore's disk {why}; run `invoke bench-disk`, or set disk_measure = True"
    elif record.verdict in REFUSED:
        remedy = 'choose another disk and measure again, or set disk_gate = "warn"'
        problem = f"the datastore's disk: {record.verdict}: {record.reason}; {remedy}"
    elif record.verdict != "PASS":
        return (
            "warn",
            f"the datastore's disk: {record.verdict}: {record.reason}; `invoke bench-disk` measures again",
        )
    else:
        return "fine", ""
    return refuse(problem, gate)


def refuse(problem: str, gate: str) -> Answer:
    """A problem that setting disk_gate turns into a warning."""
    return ("warn", problem) if gate == "warn" else ("refuse", problem)
