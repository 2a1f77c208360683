"""From what the engine measured to a verdict, with the number, its bound, the threshold and where that is from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from skerry.bench import criteria
from skerry.bench.bounds import CONFIDENCE, Share, share
from skerry.bench.criteria import Criterion
from skerry.bench.histogram import counts, percentile

Result = dict[str, Any]
"""What the engine printed: schema 1."""
Phase = dict[str, Any]


SOAK_SECONDS, STRETCHES = 600, 10


class Verdict(str, Enum):
    """In order: the later is the worse."""

    PASS = "PASS"  # noqa: S105  no password
    INCONCLUSIVE = "INCONCLUSIVE"
    CPU_BOUND = "CPU-BOUND"
    SUSPECT = "SUSPECT"
    FAIL = "FAIL"

    @property
    def rank(self) -> int:
        return list(Verdict).index(self)


@dataclass(frozen=True)
class Finding:
    """One criterion in one phase. `judged` is False where a phase is shown only."""

    phase: str
    criterion: str
    verdict: Verdict
    measured: str
    source: str
    judged: bool = True
    headroom: float = 0.0  # the upper bound as a part of what is allowed; ranks hosts

    def __str__(self) -> str:
        return f"{self.phase}: {self.criterion}: {self.measured}"


@dataclass(frozen=True)
class Judgement:
    """A host's verdict and all that led to it, worst first."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The finding that decided."""
        return str(self.findings[0]) if self.findings else "nothing was judged"

    @property
    def unclear(self) -> set[str]:
        """The phases that a longer measurement may decide; none once the verdict is worse anyway."""
        if self.verdict is not Verdict.INCONCLUSIVE:
            return set()
        return {each.phase for each in self.findings if each.judged and each.verdict is Verdict.INCONCLUSIVE}

    @property
    def rank(self) -> tuple[int, float]:
        return self.verdict.rank, max((each.headroom for each in self.findings if each.judged), default=0.0)


def judge(result: Result, datastore: str, dedicated: bool = False) -> Judgement:
    """The verdict on a host's disk.

    `datastore`: "etcd", "sqlite", or "" for an agent. `dedicated`: the datastore's disk is its own, so that
    phases beside neighbours are shown and not judged.
    """
    findings = [*_suspicions(result)]
    for phase in loads(result):
        judged = not (dedicated and phase.get("neighbour"))
        findings += _judge_phase(
            phase, result["limits_ms"], criteria.DATASTORES[datastore], bool(datastore), judged
        )
    findings.sort(key=lambda each: (-each.judged, -each.verdict.rank, -each.headroom))
    decisive = [each.verdict for each in findings if each.judged]
    verdict = max(decisive, key=lambda each: each.rank) if decisive else Verdict.INCONCLUSIVE
    return Judgement(verdict, tuple(findings), tuple(_notes(result)))


def loads(result: Result) -> list[Phase]:
    """The phases in which etcd's load ran."""
    return [phase for phase in result["phases"] if "sync" in phase]


def _judge_phase(
    phase: Phase, limits_ms: list[int], wanted: tuple[Criterion, ...], is_server: bool, judged: bool
) -> Iterator[Finding]:
    for criterion in wanted:
        if criterion.series in phase:
            yield _judge_share(phase, limits_ms, criterion, judged)
            if phase["seconds"] >= SOAK_SECONDS:
                yield _judge_worst_stretch(phase, limits_ms, criterion, judged)
    yield _judge_hangs(phase, judged)
    if is_server:
        yield _judge_answers(phase, limits_ms, judged)


def _judge_share(phase: Phase, limits_ms: list[int], criterion: Criterion, judged: bool) -> Finding:
    found = share_over(phase[criterion.series], limits_ms, criterion.limit_ms)
    verdict = _compare(found, criterion.share)
    starved = starvation(phase, limits_ms)
    bounds = f"95 % bounds {_percent(found.lower)} to {_percent(found.upper)}"
    measured = f"{_percent(found.value)} over {criterion.limit_ms} ms ({bounds})"
    if verdict is not Verdict.PASS:
        less = share_over(phase[f"{criterion.series}_less_cpu"], limits_ms, criterion.limit_ms)
        if _compare(less, criterion.share) is Verdict.PASS:
            verdict = Verdict.CPU_BOUND
            measured += f"; {_percent(less.value)} without the wait for a CPU"
        elif starved:
            verdict = Verdict.CPU_BOUND
            measured += f"; {starved}"
    allowed = f"at most {criterion.share:.0%}"
    return Finding(phase["name"], criterion.name, verdict, f"{measured}, {allowed}", criterion.source, judged,
                   found.upper / criterion.share)  # fmt: skip


def _judge_worst_stretch(phase: Phase, limits_ms: list[int], criterion: Criterion, judged: bool) -> Finding:
    """The worst tenth of a long phase by itself: a disk whose burst credits are gone is slow from then on."""
    series, place = phase[criterion.series], limits_ms.index(criterion.limit_ms)
    rows = [(row[0], row[3 + place]) for row in series["rows"]]
    wide = -(-len(rows) // STRETCHES)
    # Bursts are counted for the whole phase alone; the variance between the rows tells of them here.
    shares = [
        share(rows[at : at + wide], sum(over > 0 for _, over in rows[at : at + wide]), 1 - 0.05 / STRETCHES)
        for at in range(0, len(rows), wide)
    ]
    worst = max(range(len(shares)), key=lambda number: shares[number].lower)
    found, minutes = shares[worst], worst * wide * series["row_seconds"] / 60
    when = f"from minute {minutes:.0f} on, surely over {_percent(found.lower)}"
    measured = f"{_percent(found.value)} over {criterion.limit_ms} ms {when}"
    verdict = Verdict.FAIL if found.lower > criterion.share else Verdict.PASS
    return Finding(
        phase["name"], f"{criterion.name}, worst tenth", verdict, measured, criterion.source, judged,
        found.lower / criterion.share,
    )  # fmt: skip


def share_over(
    series: dict[str, Any], limits_ms: list[int], limit_ms: int, confidence: float = CONFIDENCE
) -> Share:
    """The share of a series' times over one of the engine's limits, with its bounds."""
    place = limits_ms.index(limit_ms)
    rows = [(row[0], row[3 + place]) for row in series["rows"]]
    return share(rows, series["bursts"][place], confidence)


def _compare(found: Share, allowed: float) -> Verdict:
    if found.upper < allowed:
        return Verdict.PASS
    return Verdict.FAIL if found.lower > allowed else Verdict.INCONCLUSIVE


def starvation(phase: Phase, limits_ms: list[int]) -> str:
    """What says that the CPU, not the disk, was the bottleneck of a phase; "" if nothing does."""
    late = share_over(phase["wake"], limits_ms, criteria.LATE_WAKE_MS) if phase["wake"]["n"] else None
    if late and late.value >= criteria.LATE_WAKE_SHARE:
        return f"{_percent(late.value)} of the timers woke over {criteria.LATE_WAKE_MS} ms late: the CPU is overloaded"
    steal = stolen(phase) or 0.0
    return f"the hypervisor took {_percent(steal)} of the CPU" if steal >= criteria.STEAL_SHARE else ""


def stolen(phase: Phase) -> float | None:
    """The share of the CPU that the hypervisor took meanwhile, None where the kernel does not tell."""
    counted = phase["counters"]
    return counted["steal_ticks"] / counted["cpu_ticks"] if counted.get("cpu_ticks") else None


def _judge_hangs(phase: Phase, judged: bool) -> Finding:
    longest, less_cpu = (phase[name]["max"] / 1e6 for name in ("sync", "sync_less_cpu"))
    verdict = Verdict.PASS
    if longest > criteria.HANG_MS:
        verdict = Verdict.FAIL if less_cpu > criteria.HANG_MS else Verdict.CPU_BOUND
    return Finding(phase["name"], "no sync over 1 s", verdict, f"longest {longest:.0f} ms", criteria.HANG_SOURCE,
                   judged, longest / criteria.HANG_MS)  # fmt: skip


@dataclass(frozen=True)
class CheckPerf:
    """What `etcdctl check perf --load=s` would have said. `rate` is the part of the 150 writes a second done."""

    rate: float
    slowest_seconds: float
    deviation_seconds: float

    @property
    def passed(self) -> bool:
        return (
            self.rate > criteria.PERF_RATE
            and self.slowest_seconds <= criteria.PERF_SLOWEST_SECONDS
            and self.deviation_seconds <= criteria.PERF_DEVIATION_SECONDS
        )


def check_perf(phase: Phase) -> CheckPerf:
    """From the answers to a phase's records, each timed from when it was due."""
    answers = phase["response"]
    mean = answers["sum"] / answers["n"]
    deviation = max(answers["squares"] / answers["n"] - mean**2, 0) ** 0.5
    return CheckPerf(phase["records"] / answers["n"], answers["max"] / 1e9, deviation / 1e9)


def _judge_answers(phase: Phase, limits_ms: list[int], judged: bool) -> Finding:
    found = check_perf(phase)
    verdict = Verdict.PASS
    if not found.passed:
        fast = phase["sync_less_cpu"]["max"] / 1e9 <= criteria.PERF_SLOWEST_SECONDS
        cpu = fast and starvation(phase, limits_ms)
        verdict = Verdict.CPU_BOUND if cpu else Verdict.FAIL
    measured = (
        f"{found.rate:.0%} of the rate, slowest answer {found.slowest_seconds:.2f} s, "
        f"deviation {found.deviation_seconds:.3f} s"
    )
    return Finding(phase["name"], "as etcdctl check perf", verdict, measured, criteria.CHECK_PERF, judged,
                   found.slowest_seconds / criteria.PERF_SLOWEST_SECONDS)  # fmt: skip


def _suspicions(result: Result) -> Iterator[Finding]:
    """What says that a sync does not reach a disk."""
    found = result["environment"]
    for phase in loads(result):
        for doubt in _doubts(found, phase):
            yield Finding(
                phase["name"], "a sync reaches the disk", Verdict.SUSPECT, doubt, "skerry/bench/criteria.py"
            )


def _doubts(found: dict[str, Any], phase: Phase) -> Iterator[str]:
    kind, counted = found["filesystem"], phase["counters"]
    if kind in criteria.MEMORY_FILESYSTEMS:
        yield f"{found['path']} is on {kind}: in memory"
    elif kind in criteria.LAYERED_FILESYSTEMS:
        yield f"{found['path']} is on {kind}: etcd's data would lie in a container's layer"
    median = percentile(counts(phase["sync"]["histogram"]), 50)
    if median < criteria.FASTEST_FLUSH_NS:
        yield f"half of the syncs take less than {median / 1000:.1f} µs, which no disk can"
    syncs = phase["sync"]["n"] + 2 * phase.get("commit", {}).get("n", 0)
    if counted.get("disk_writes", syncs) < syncs / 2:
        yield f"{syncs} syncs, but {found['disk']} was written to {counted['disk_writes']} times"
    # Stacked devices (dm, md) count no flushes of their own.
    stacked = found["disk"].startswith(("dm-", "md"))
    if (
        found["write_cache"] == "write back"
        and not stacked
        and counted.get("disk_flushes", syncs) < syncs / 2
    ):
        yield f"{syncs} syncs, but {found['disk']} flushed its write cache {counted['disk_flushes']} times"


def _notes(result: Result) -> Iterator[str]:
    """What an operator should know beside the verdict."""
    limits = result["limits_ms"]
    for phase in loads(result):
        stalls = share_over(phase["sync"], limits, 128).over
        if stalls:
            yield f"{phase['name']}: {stalls} syncs took over 128 ms; etcd's heartbeat comes every {criteria.STALL_MS}"
        median = percentile(counts(phase["sync"]["histogram"]), 50) / 1e6
        if median > criteria.K3S_MEDIAN_MS:
            wanted = f"K3s wants etcd's under {criteria.K3S_MEDIAN_MS} ms ({criteria.K3S_PROFILING})"
            yield f"{phase['name']}: half of the syncs take over {median:.1f} ms; {wanted}"
        if starved := starvation(phase, limits):
            yield f"{phase['name']}: {starved}"


def _percent(value: float) -> str:
    return f"{100 * value:.2g} %" if value < 0.1 else f"{100 * value:.0f} %"
