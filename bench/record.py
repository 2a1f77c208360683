"""What is kept of a measurement on the host itself."""

from __future__ import annotations

from datetime import datetime, timezone

from bench.verdict import Judgement, Result
from cluster.disk import DiskRecord


def describe(result: Result, judgement: Judgement, profile: str) -> DiskRecord:
    """The record for the host, from which later installations decide."""
    found = result["environment"]
    return DiskRecord(
        verdict=judgement.verdict.value,
        reason=judgement.reason,
        profile=profile,
        measured=datetime.fromtimestamp(result["begun"], timezone.utc).isoformat(timespec="seconds"),
        path=found["path"],
        fsid=found["fsid"],
    )
