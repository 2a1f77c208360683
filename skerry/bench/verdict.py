"""The verdict on a host's disk: each criterion in each phase, with number, bounds, threshold and source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum

from skerry.bench import criteria
from skerry.bench.bounds import Share, share
from skerry.bench.criteria import Criterion
from skerry.bench.doubts import doubts, notes
from skerry.bench.measurement import (
    MeasuredPhase,
    Measurement,
    check_perf,
    etcd_phases,
    percent,
    rows_over,
    share_over,
    starvation,
)
from skerry.model.disk import PREDICTED_LIMITS_MS, DiskRecord

# A phase of at least SOAK_SECONDS is judged by its worst part of STRETCHES, too.
SOAK_SECONDS, STRETCHES = 600, 10


class Verdict(str, Enum):
    """From best to worst."""

    PASS = "PASS"  # noqa: S105  no password
    INCONCLUSIVE = "INCONCLUSIVE"
    CPU_BOUND = "CPU-BOUND"
    SUSPECT = "SUSPECT"
    FAIL = "FAIL"

    @property
    def rank(self) -> int:
        return list(Verdict).index(self)


@dataclass(frozen=True)
class CriterionResult:
    """One criterion in one phase. `judged` is False if it does not count for the verdict.

    `headroom`: a measured bound divided by what is allowed; the larger, the worse. It ranks hosts of one verdict.
    """

    phase: str
    criterion: str
    verdict: Verdict
    measured: str
    source: str
    judged: bool = True
    headroom: float = 0.0

    def __str__(self) -> str:
        return f"{self.phase}: {self.criterion}: {self.measured}"


@dataclass(frozen=True)
class Judgement:
    """A host's verdict with the results that led to it, the worst first."""

    verdict: Verdict
    results: tuple[CriterionResult, ...]
    notes: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The worst result, which decided; "nothing was judged" without results."""
        return str(self.results[0]) if self.results else "nothing was judged"

    @property
    def unclear(self) -> set[str]:
        """The phases for which a longer measurement may decide; none if the verdict is worse than inconclusive."""
        if self.verdict is not Verdict.INCONCLUSIVE:
            return set()
        return {
            result.phase
            for result in self.results
            if result.judged and result.verdict is Verdict.INCONCLUSIVE
        }

    @property
    def rank(self) -> tuple[int, float]:
        return self.verdict.rank, max(
            (result.headroom for result in self.results if result.judged), default=0.0
        )


def judge(measurement: Measurement, datastore: str, dedicated: bool = False) -> Judgement:
    """Judge a host's disk.

    `datastore`: "etcd", "sqlite", or "" for an agent. `dedicated`: the datastore has a disk of its own, so phases
    beside neighbours do not count.
    """
    results = [*_suspicions(measurement)]
    for phase in etcd_phases(measurement):
        judged = not (dedicated and phase.get("neighbour"))
        results += _judge_phase(phase, measurement["limits_ms"], datastore, judged)
    results.sort(key=lambda result: (-result.judged, -result.verdict.rank, -result.headroom))
    verdicts = [result.verdict for result in results if result.judged]
    verdict = max(verdicts, key=lambda verdict: verdict.rank) if verdicts else Verdict.INCONCLUSIVE
    return Judgement(verdict, tuple(results), tuple(notes(measurement)))


def _suspicions(measurement: Measurement) -> Iterator[CriterionResult]:
    criterion, source = "a sync reaches the disk", "skerry/bench/criteria.py"
    for phase in etcd_phases(measurement):
        for doubt in doubts(measurement["environment"], phase):
            yield CriterionResult(phase["name"], criterion, Verdict.SUSPECT, doubt, source)


def _judge_phase(
    phase: MeasuredPhase, limits_ms: list[int], datastore: str, judged: bool
) -> Iterator[CriterionResult]:
    for criterion in criteria.DATASTORES[datastore]:
        if criterion.series in phase:
            yield _judge_share(phase, limits_ms, criterion, judged)
            if phase["seconds"] >= SOAK_SECONDS:
                yield _judge_worst_stretch(phase, limits_ms, criterion, judged)
    yield _judge_hangs(phase, judged)
    if datastore:
        yield _judge_responses(phase, limits_ms, judged)


def _judge_share(
    phase: MeasuredPhase, limits_ms: list[int], criterion: Criterion, judged: bool
) -> CriterionResult:
    slow = share_over(phase[criterion.series], limits_ms, criterion.limit_ms)
    verdict = _compare(slow, criterion.share)
    bounds = f"95 % bounds {percent(slow.lower)} to {percent(slow.upper)}"
    measured = f"{percent(slow.value)} over {criterion.limit_ms} ms ({bounds})"
    if verdict is not Verdict.PASS:
        without_cpu = share_over(phase[f"{criterion.series}_less_cpu"], limits_ms, criterion.limit_ms)
        if _compare(without_cpu, criterion.share) is Verdict.PASS:
            verdict = Verdict.CPU_BOUND
            measured += f"; {percent(without_cpu.value)} without the wait for a CPU"
        elif bottleneck := starvation(phase, limits_ms):
            verdict = Verdict.CPU_BOUND
            measured += f"; {bottleneck}"
    measured += f", at most {criterion.share:.0%}"
    return CriterionResult(phase["name"], criterion.name, verdict, measured, criterion.source, judged,
                           slow.upper / criterion.share)  # fmt: skip


def _compare(slow: Share, allowed: float) -> Verdict:
    if slow.upper < allowed:
        return Verdict.PASS
    return Verdict.FAIL if slow.lower > allowed else Verdict.INCONCLUSIVE


def _judge_worst_stretch(
    phase: MeasuredPhase, limits_ms: list[int], criterion: Criterion, judged: bool
) -> CriterionResult:
    """Judge the worst tenth of a long phase on its own, because a disk without burst credits left stays slow."""
    series = phase[criterion.series]
    rows = rows_over(series, limits_ms, criterion.limit_ms)
    length = -(-len(rows) // STRETCHES)
    stretches = [rows[at : at + length] for at in range(0, len(rows), length)]
    # The engine counts bursts for the whole phase only. Here each row with an exceedance counts as a burst, and the
    # variance between the rows shows how they cluster.
    shares = [
        share(stretch, sum(over > 0 for _, over in stretch), 1 - 0.05 / STRETCHES) for stretch in stretches
    ]
    worst = max(range(len(shares)), key=lambda number: shares[number].lower)
    slow, minutes = shares[worst], worst * length * series["row_seconds"] / 60
    when = f"from minute {minutes:.0f} on, surely over {percent(slow.lower)}"
    measured = f"{percent(slow.value)} over {criterion.limit_ms} ms {when}"
    verdict = Verdict.FAIL if slow.lower > criterion.share else Verdict.PASS
    return CriterionResult(
        phase["name"], f"{criterion.name}, worst tenth", verdict, measured, criterion.source, judged,
        slow.lower / criterion.share,
    )  # fmt: skip


def _judge_hangs(phase: MeasuredPhase, judged: bool) -> CriterionResult:
    longest, without_cpu = (phase[name]["max"] / 1e6 for name in ("sync", "sync_less_cpu"))
    verdict = Verdict.PASS
    if longest > criteria.HANG_MS:
        verdict = Verdict.FAIL if without_cpu > criteria.HANG_MS else Verdict.CPU_BOUND
    return CriterionResult(phase["name"], "no sync over 1 s", verdict, f"longest {longest:.0f} ms",
                           criteria.HANG_SOURCE, judged, longest / criteria.HANG_MS)  # fmt: skip


def _judge_responses(phase: MeasuredPhase, limits_ms: list[int], judged: bool) -> CriterionResult:
    result = check_perf(phase)
    verdict = Verdict.PASS
    if not result.passed:
        disk_was_fast = phase["sync_less_cpu"]["max"] / 1e9 <= criteria.PERF_SLOWEST_SECONDS
        verdict = Verdict.CPU_BOUND if disk_was_fast and starvation(phase, limits_ms) else Verdict.FAIL
    measured = (
        f"{result.rate:.0%} of the rate, slowest answer {result.slowest_seconds:.2f} s, "
        f"deviation {result.deviation_seconds:.3f} s"
    )
    return CriterionResult(phase["name"], "as etcdctl check perf", verdict, measured, criteria.CHECK_PERF, judged,
                           result.slowest_seconds / criteria.PERF_SLOWEST_SECONDS)  # fmt: skip


def disk_record(measurement: Measurement, judgement: Judgement, profile: str) -> DiskRecord:
    """Compose the record that is kept on the host and decides whether K3s may be installed there."""
    environment = measurement["environment"]
    return DiskRecord(
        verdict=judgement.verdict.value,
        reason=judgement.reason,
        profile=profile,
        measured=datetime.fromtimestamp(measurement["begun"], timezone.utc).isoformat(timespec="seconds"),
        path=environment["path"],
        fsid=environment["fsid"],
        predicted={series: _predicted(measurement, series) for series in ("sync", "commit")},
    )


def _predicted(measurement: Measurement, series: str) -> list[float]:
    """Returns the shares over PREDICTED_LIMITS_MS in the last phase that has the series and no neighbour, or []."""
    for phase in reversed(etcd_phases(measurement)):
        if series in phase and not phase.get("neighbour"):
            limits_ms = measurement["limits_ms"]
            shares = [share_over(phase[series], limits_ms, limit).value for limit in PREDICTED_LIMITS_MS]
            return [round(share, 6) for share in shares]
    return []
