"""Find signs that a measurement did not reach a disk, and write notes beside the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from skerry.bench import criteria
from skerry.bench.histogram import counts, percentile
from skerry.bench.measurement import MeasuredPhase, Measurement, etcd_phases, share_over, starvation


def doubts(environment: dict[str, Any], phase: MeasuredPhase) -> Iterator[str]:
    """Yield each reason to doubt that the phase's syncs reached a disk."""
    filesystem, disk, counters = environment["filesystem"], environment["disk"], phase["counters"]
    if filesystem in criteria.MEMORY_FILESYSTEMS:
        yield f"{environment['path']} is on {filesystem}: in memory"
    elif filesystem in criteria.LAYERED_FILESYSTEMS:
        yield f"{environment['path']} is on {filesystem}: etcd's data would lie in a container's layer"
    median = percentile(counts(phase["sync"]["histogram"]), 50)
    if median < criteria.FASTEST_FLUSH_NS:
        yield f"half of the syncs take less than {median / 1000:.1f} µs, which no disk can"
    syncs = phase["sync"]["n"] + 2 * phase.get("commit", {}).get("n", 0)
    if counters.get("disk_writes", syncs) < syncs / 2:
        yield f"{syncs} syncs, but {disk} was written to {counters['disk_writes']} times"
    # Stacked devices (dm, md) do not count flushes.
    stacked = disk.startswith(("dm-", "md"))
    caches = environment["write_cache"] == "write back" and not stacked
    if caches and counters.get("disk_flushes", syncs) < syncs / 2:
        yield f"{syncs} syncs, but {disk} flushed its write cache {counters['disk_flushes']} times"


def notes(measurement: Measurement) -> Iterator[str]:
    """Yield what an operator should know beside the verdict."""
    limits_ms = measurement["limits_ms"]
    for phase in etcd_phases(measurement):
        stalls = share_over(phase["sync"], limits_ms, 128).over
        if stalls:
            yield (
                f"{phase['name']}: {stalls} syncs took over 128 ms; "
                f"etcd sends a heartbeat every {criteria.STALL_MS} ms"
            )
        median = percentile(counts(phase["sync"]["histogram"]), 50) / 1e6
        if median > criteria.K3S_MEDIAN_MS:
            yield (
                f"{phase['name']}: half of the syncs take over {median:.1f} ms; "
                f"K3s asks for less than {criteria.K3S_MEDIAN_MS} ms ({criteria.K3S_PROFILING})"
            )
        if bottleneck := starvation(phase, limits_ms):
            yield f"{phase['name']}: {bottleneck}"
