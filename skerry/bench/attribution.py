"""Figures beside the verdict: the host's counters, which tell a slow disk from a busy CPU, and fio's results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skerry.bench.measurement import MeasuredPhase, stolen


@dataclass(frozen=True)
class Attribution:
    """Shares of a phase's time, and the device's work; None where the kernel does not count it.

    `cpu_pressure`, `io_pressure`: some task waited for the CPU or for I/O (PSI). `steal`: share of the CPU that the
    hypervisor took. `flush_ms`: mean time of a flush.
    """

    phase: str
    cpu_pressure: float | None
    io_pressure: float | None
    steal: float | None
    disk_busy: float | None
    flushes: int | None
    flush_ms: float | None
    written_mib: float | None


def attribute(phase: MeasuredPhase) -> Attribution:
    """Compute the shares from a phase's counters."""
    counters: dict[str, int] = phase["counters"]
    nanoseconds = counters["monotonic_ns"]
    flushes = counters.get("disk_flushes")
    sectors = counters.get("disk_write_sectors")
    return Attribution(
        phase["name"],
        _share(counters.get("psi_cpu_some_us"), 1000, nanoseconds),
        _share(counters.get("psi_io_some_us"), 1000, nanoseconds),
        stolen(phase),
        _share(counters.get("disk_busy_ms"), 10**6, nanoseconds),
        flushes,
        counters["disk_flush_ms"] / flushes if flushes else None,
        # The kernel counts sectors of 512 bytes for every device.
        sectors / 2048 if sectors is not None else None,
    )


def _share(value: int | None, unit: int, whole: int) -> float | None:
    return None if value is None or not whole else value * unit / whole


@dataclass(frozen=True)
class FioRecipe:
    """The published fio recipe: its p99, and the share of random moments at which a request would wait over 10 ms."""

    syncs: int
    p99_ms: float
    over_10_ms: float


def recipe(phase: MeasuredPhase) -> FioRecipe | None:
    """Returns the figures of a phase with the fio recipe; None for other phases, or if fio failed.

    fio sends a request after the last one has returned, so it counts a stall of a second once. A request that arrives
    at a random moment waits over x with probability Σ max(0, Dᵢ - x) / Σ Dᵢ.
    """
    fio: dict[str, Any] = phase.get("fio") or {}
    if "jobs" not in fio:
        return None
    latency = fio["jobs"][0]["sync"]["lat_ns"]
    limit = 10 * 10**6
    times = {int(time): count for time, count in latency["bins"].items()}
    waiting = sum(max(0, time - limit) * count for time, count in times.items())
    whole = sum(time * count for time, count in times.items())
    return FioRecipe(
        sum(times.values()), latency["percentile"]["99.000000"] / 1e6, waiting / whole if whole else 0.0
    )


def iops(phase: MeasuredPhase) -> dict[str, float]:
    """Returns random 4 KiB reads and writes per second: {"randread-qd1": 8300.0, …}; {} for other phases."""
    jobs = phase["fio"] if phase.get("kind") == "iops" else {}
    return {name: job["iops"] for name, job in jobs.items() if "iops" in job}
