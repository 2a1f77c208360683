"""What is kept of a measurement on the host itself."""

from __future__ import annotations

from datetime import datetime, timezone

from skerry.bench.verdict import Judgement, Result, loads, share_over
from skerry.model.disk import DiskRecord

LIMITS_MS = (1, 2, 4, 8, 16, 32)  # bounds of etcd's own histograms, so that a running etcd can be compared


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
        predicted={series: predict(result, series) for series in ("sync", "commit")},
    )


def predict(result: Result, series: str) -> list[float]:
    """The shares over LIMITS_MS in the last phase without a neighbour that has the series; [] where none has."""
    for phase in reversed(loads(result)):
        if series in phase and not phase.get("neighbour"):
            shares = [share_over(phase[series], result["limits_ms"], limit).value for limit in LIMITS_MS]
            return [round(share, 6) for share in shares]
    return []
