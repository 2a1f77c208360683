"""What a host counted while it was measured: whether the disk or the CPU was in the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skerry.bench.verdict import Phase, stolen


@dataclass(frozen=True)
class Attribution:
    """Shares of a phase's time, None where the kernel does not tell.

    `cpu_pressure`, `io_pressure`: some task waited for it (PSI). `flush_ms`: the mean of the device's own flushes.
    """

    phase: str
    cpu_pressure: float | None
    io_pressure: float | None
    steal: float | None
    disk_busy: float | None
    flushes: int | None
    flush_ms: float | None
    written_mib: float | None


def attribute(phase: Phase) -> Attribution:
    """From a phase's counters."""
    counted: dict[str, int] = phase["counters"]
    nanoseconds = counted["monotonic_ns"]
    flushes = counted.get("disk_flushes")
    sectors = counted.get("disk_write_sectors")
    return Attribution(
        phase["name"],
        _share(counted.get("psi_cpu_some_us"), 1000, nanoseconds),
        _share(counted.get("psi_io_some_us"), 1000, nanoseconds),
        stolen(phase),
        _share(counted.get("disk_busy_ms"), 10**6, nanoseconds),
        flushes,
        counted["disk_flush_ms"] / flushes if flushes else None,
        sectors / 2048 if sectors is not None else None,  # 512 bytes each, whatever the device's own
    )


def _share(value: int | None, unit: int, whole: int) -> float | None:
    return None if value is None or not whole else value * unit / whole


@dataclass(frozen=True)
class Recipe:
    """The published fio recipe: its own p99, and what a request at a random moment would have met."""

    syncs: int
    p99_ms: float
    over_10_ms: float


def recipe(phase: Phase) -> Recipe | None:
    """None where fio has not run.

    fio sends the next request when the last has come back, so that a stall of a second counts once. A request
    that arrives at a random moment waits over x with probability Σ max(0, Dᵢ - x) / Σ Dᵢ.
    """
    fio: dict[str, Any] = phase.get("fio") or {}
    if "jobs" not in fio:
        return None
    found = fio["jobs"][0]["sync"]["lat_ns"]
    limit = 10 * 10**6
    times = {int(time): count for time, count in found["bins"].items()}
    waiting = sum(max(0, time - limit) * count for time, count in times.items())
    whole = sum(time * count for time, count in times.items())
    return Recipe(
        sum(times.values()), found["percentile"]["99.000000"] / 1e6, waiting / whole if whole else 0.0
    )


def iops(phase: Phase) -> dict[str, float]:
    """Random 4 KiB reads and writes a second by depth: {"randread-qd1": 8300.0, …}."""
    found = phase["fio"] if phase.get("kind") == "iops" else {}
    return {name: each["iops"] for name, each in found.items() if "iops" in each}
