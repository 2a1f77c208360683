"""The record of a disk measurement on a host, and the decision whether K3s may be installed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

from skerry.model.files import File
from skerry.model.host_paths import DISK_RECORD

NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb2", "fuseblk", "9p", "v9fs", "ceph"}
"""File systems, by findmnt's names, that need a network or another process. A datastore must not be on one."""

# Bounds of etcd's own histograms, so that a running etcd can be compared with the prediction.
PREDICTED_LIMITS_MS = (1, 2, 4, 8, 16, 32)

# SUSPECT: synced data may not survive a power loss.
REFUSED = ("FAIL", "SUSPECT")

Decision = tuple[Literal["accept", "measure", "warn", "refuse"], str]


@dataclass(frozen=True)
class DiskRecord:
    """The result of a measurement. `verdict`: "PASS", one of REFUSED, or another that warns. `measured`: UTC, ISO 8601.

    `path`: the folder that was measured; `fsid` identifies its file system. `predicted`: for each of the
    series "sync" and "commit", the shares of operations that took longer than each of PREDICTED_LIMITS_MS.
    """

    verdict: str
    reason: str
    profile: str
    measured: str
    path: str
    fsid: str
    predicted: dict[str, list[float]]

    def file(self) -> File:
        """Returns the record as a file on the host."""
        return File(DISK_RECORD, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def parse(cls, text: str) -> DiskRecord | None:
        """Returns the record in a file's text; None if the text is empty, damaged or from another version of Skerry."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None


def admit(record: DiskRecord | None, fsid: str, gate: str, measure: bool) -> Decision:
    """Returns what to do with a server before K3s is installed on it, and why ("" for "accept" and "measure").

    `fsid` identifies the file system of the datastore now. `gate`, `measure`: the settings disk_gate, disk_measure.
    """
    if record is None or record.fsid != fsid:
        if measure:
            return "measure", ""
        state = "has not been measured" if record is None else "is not the one that was measured"
        problem = f"the datastore's disk {state}; run `invoke bench-disk`, or set disk_measure = True"
    elif record.verdict in REFUSED:
        remedy = 'choose another disk and measure again, or set disk_gate = "warn"'
        problem = f"the datastore's disk: {record.verdict}: {record.reason}; {remedy}"
    elif record.verdict != "PASS":
        remedy = "`invoke bench-disk` measures again"
        return "warn", f"the datastore's disk: {record.verdict}: {record.reason}; {remedy}"
    else:
        return "accept", ""
    return refuse(problem, gate)


def refuse(problem: str, gate: str) -> Decision:
    """Returns the decision to refuse the server or, with `gate` "warn", to warn about it."""
    return ("warn", problem) if gate == "warn" else ("refuse", problem)
