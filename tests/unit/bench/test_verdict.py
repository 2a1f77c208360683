"""Verdicts on made-up measurements: each verdict has a case, and cases close to it with another verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from skerry.bench.attribution import recipe
from skerry.bench.compare import compare, merge
from skerry.bench.histogram import counts, exceedance, percentile, upper_edge
from skerry.bench.measurement import check_perf, starvation
from skerry.bench.profiles import NEIGHBOURS, STANDARD, phases
from skerry.bench.remote_engine import LIMITS_MS, MILLISECOND, Series, bucket
from skerry.bench.verdict import Verdict, disk_record, judge
from skerry.model.disk import DiskRecord, admit
from skerry.model.errors import InputError

PER_SECOND = 150
FINE = [0.5] * 3000


def series(milliseconds: Sequence[float], per_second: int = PER_SECOND) -> dict[str, Any]:
    """A series as the engine prints it, the times evenly spread."""
    times = Series(0, 10**9)
    for number, value in enumerate(milliseconds):
        times.add(number * 10**9 // per_second, int(value * MILLISECOND))
    result = times.result()
    return {**result, "histogram": {str(index): count for index, count in result["histogram"].items()}}


def result(
    sync: Sequence[float] = FINE,
    commit: Sequence[float] = (2.0,) * 330,
    less_cpu: Sequence[float] | None = None,
    response: Sequence[float] | None = None,
    wake: Sequence[float] = (0.1,) * 3000,
    neighbour: str = "",
    **changes: Any,
) -> dict[str, Any]:
    """A measurement of one phase. `changes` replace values of the environment or the counters."""
    environment = {
        "filesystem": "ext4",
        "path": "/var/lib",
        "disk": "vda",
        "write_cache": "write back",
        "fsid": "1",
    }
    counters = {
        "monotonic_ns": 20 * 10**9,
        "cpu_ticks": 4000,
        "steal_ticks": 0,
        "disk_writes": 9000,
        "disk_flushes": 4000,
        "disk_flush_ms": 200,
    }
    phase = {
        "name": "with commits",
        "neighbour": neighbour,
        "records": len(response or sync),
        "seconds": len(sync) / PER_SECOND,
        "sync": series(sync),
        "sync_less_cpu": series(sync if less_cpu is None else less_cpu),
        "response": series(response or sync),
        "wake": series(wake),
        "commit": series(commit, 16),
        "commit_less_cpu": series(commit, 16),
        "counters": counters | {name: value for name, value in changes.items() if name in counters},
    }
    replaced = {name: value for name, value in changes.items() if name in environment}
    return {
        "begun": 0.0,
        "limits_ms": list(LIMITS_MS),
        "environment": environment | replaced,
        "phases": [phase],
    }


def spread(share: float, slow: float, n: int = 3000, fast: float = 0.5) -> list[float]:
    """Times of which `share` are slow, evenly spread."""
    every = round(1 / share)
    return [slow if number % every == every - 1 else fast for number in range(n)]


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (result(), Verdict.PASS),
        (result(sync=spread(0.001, 12)), Verdict.PASS),
        (result(sync=spread(0.05, 12)), Verdict.FAIL),
        (result(sync=spread(0.01, 12)), Verdict.INCONCLUSIVE),
        (result(commit=spread(0.1, 30, 330)), Verdict.FAIL),
        (result(commit=[2.0] * 200), Verdict.INCONCLUSIVE),
        (result(sync=[*FINE, 1100.0], response=FINE), Verdict.FAIL),
        (result(response=[*FINE, 510.0]), Verdict.FAIL),
        (result(sync=spread(0.05, 12), less_cpu=FINE), Verdict.CPU_BOUND),
        (result(sync=spread(0.05, 12), wake=spread(0.05, 6, fast=0.1)), Verdict.CPU_BOUND),
        (result(sync=spread(0.05, 12), steal_ticks=500), Verdict.CPU_BOUND),
        (result(steal_ticks=500), Verdict.PASS),
        (result(filesystem="tmpfs"), Verdict.SUSPECT),
        (result(filesystem="overlay"), Verdict.SUSPECT),
        (result(sync=[0.01] * 3000), Verdict.SUSPECT),
        (result(disk_flushes=100), Verdict.SUSPECT),
        (result(disk_flushes=100, write_cache="write through"), Verdict.PASS),
        (result(disk_flushes=0, disk="dm-0"), Verdict.PASS),
        (result(disk_writes=10), Verdict.SUSPECT),
    ],
)  # fmt: skip
def test_a_measurement_gets_its_verdict(measured: dict[str, Any], verdict: Verdict) -> None:
    assert judge(measured, "etcd").verdict is verdict


def test_a_finding_names_number_bound_threshold_and_source() -> None:
    finding = judge(result(sync=spread(0.05, 12)), "etcd").results[0]
    assert finding.criterion == "WAL fsync p99 < 10 ms"
    assert finding.measured.startswith("5 % over 10 ms (95 % bounds 4.")
    assert finding.measured.endswith("at most 1%")
    assert finding.source == "https://etcd.io/docs/v3.5/faq/"


def test_an_agent_has_no_datastore_and_sqlite_no_commits() -> None:
    slow = result(sync=spread(0.05, 12), commit=spread(0.1, 30, 330))
    assert judge(slow, "").verdict is Verdict.PASS
    assert {result.criterion for result in judge(slow, "sqlite").results} == {
        "fsync p99 < 10 ms", "no sync over 1 s", "as etcdctl check perf",
    }  # fmt: skip


def test_a_dedicated_disk_is_not_judged_beside_neighbours() -> None:
    slow = result(sync=spread(0.05, 12), neighbour="pull")
    assert judge(slow, "etcd").verdict is Verdict.FAIL
    assert judge(slow, "etcd", dedicated=True).verdict is Verdict.INCONCLUSIVE  # no other phase was measured


def test_check_perf_counts_rate_and_deviation() -> None:
    phase = result(response=[0.5] * 1500 + [400.0] * 1500)["phases"][0]
    assert check_perf(phase).deviation_seconds == pytest.approx(0.19975, abs=1e-4)
    assert not check_perf(phase).passed
    assert not check_perf({**phase, "records": 2600, "response": series(FINE)}).passed
    assert starvation(phase, list(LIMITS_MS)) == ""


def test_histograms_are_off_by_less_than_one_percent() -> None:
    for ns in (0, 1, 255, 256, 257, 511, 512, 1000, 10**6, 123_456_789, 10**12):
        index = bucket(ns)
        assert upper_edge(index - 1) <= ns < upper_edge(index)
        assert upper_edge(index) - upper_edge(index - 1) <= max(ns / 128, 1)


def test_percentiles_and_curve_of_a_known_distribution() -> None:
    histogram = counts(series([number / 100 for number in range(1, 10001)])["histogram"])
    for percent in (50, 90, 99, 99.9):
        assert percentile(histogram, percent) == pytest.approx(percent * 10**6, rel=0.01)
    at_10_ms = next(share for ns, share in exceedance(histogram) if ns >= 10 * MILLISECOND)
    assert at_10_ms == pytest.approx(0.9, abs=0.002)


def test_a_regression_is_told_from_noise() -> None:
    before = merge([result(sync=spread(0.002, 5)), result(sync=spread(0.002, 5))])
    assert before["phases"][0]["sync"]["n"] == 6000
    assert compare(before, result(sync=spread(0.003, 5))) == []
    [change] = compare(before, result(sync=spread(0.02, 5)))
    assert str(change) == "worse: with commits: WAL fsync over 4 ms: 0.2 % then, 2 % now"
    [change] = compare(result(sync=spread(0.02, 5)), before)
    assert not change.worse


def test_the_record_on_the_host_decides_about_an_installation() -> None:
    def record(measured: dict[str, Any]) -> DiskRecord:
        kept = disk_record(measured, judge(measured, "etcd"), "quick")
        read = DiskRecord.parse(kept.file().content)
        assert read == kept
        return kept

    passed, failed, unsure = (
        record(measured)
        for measured in (result(), result(sync=spread(0.05, 12)), result(sync=spread(0.01, 12)))
    )
    assert failed.predicted["sync"] == pytest.approx([0.05, 0.05, 0.05, 0.05, 0, 0])
    assert admit(passed, "1", "refuse", measure=True) == ("accept", "")
    assert admit(passed, "2", "refuse", measure=True)[0] == "measure"  # another file system than was measured
    assert admit(None, "1", "refuse", measure=True)[0] == "measure"
    assert admit(None, "1", "refuse", measure=False)[0] == "refuse"
    assert admit(None, "1", "warn", measure=False)[0] == "warn"
    assert admit(failed, "1", "refuse", measure=True)[0] == "refuse"
    assert admit(failed, "1", "warn", measure=True)[0] == "warn"
    assert admit(unsure, "1", "refuse", measure=True)[0] == "warn"
    assert DiskRecord.parse("") is None
    assert DiskRecord.parse('{"verdict": "PASS"}') is None


def test_profiles_have_their_documented_duration_and_neighbours() -> None:
    assert sum(phase["seconds"] for phase in phases("quick")) == 20
    assert 110 <= sum(phase["seconds"] for phase in phases("standard")) <= 130
    assert [phase["neighbour"] for phase in STANDARD if phase.get("neighbour")] == list(NEIGHBOURS)
    assert all(phase.get("neighbour") != "random" for phase in phases("standard", fio=False))
    assert phases("soak", minutes=90)[0]["seconds"] == 5400
    for wrong in (("soak", 0), ("soak", 1500), ("long", 1)):
        with pytest.raises(InputError, match="choose"):
            phases(wrong[0], minutes=wrong[1])


def test_a_disk_that_runs_out_of_credits_fails_for_its_worst_tenth() -> None:
    """Two minutes of a long soak are slow: 5 % of their syncs, 0.5 % of all."""
    n = PER_SECOND * 1200
    slow = [12.0 if n * 0.9 < number and number % 20 == 0 else 0.5 for number in range(n)]
    judgement = judge(result(sync=slow), "etcd")
    assert judgement.verdict is Verdict.FAIL
    assert judgement.results[0].criterion == "WAL fsync p99 < 10 ms, worst tenth"
    assert "from minute 18 on" in judgement.results[0].measured


def test_a_longer_measurement_decides_what_was_unclear() -> None:
    short = result(commit=[2.0] * 200)
    assert judge(short, "etcd").unclear == {"with commits"}
    assert judge(merge([short, short]), "etcd").verdict is Verdict.PASS
    assert judge(result(sync=spread(0.05, 12), commit=[2.0] * 200), "etcd").unclear == set()


def test_the_fio_recipe_is_read_without_its_counts() -> None:
    """fio 3.16 and 3.33 report total_ios 0, and 3.16 no N. A stall of 1 s in 2 s: half of all moments are in it."""
    latency = {"bins": {"1000000": 1000, "1000000000": 1}, "percentile": {"99.000000": 1_000_000}}
    read = recipe({"fio": {"jobs": [{"sync": {"total_ios": 0, "lat_ns": latency}}]}})
    assert read is not None
    assert [read.syncs, read.p99_ms, read.over_10_ms] == pytest.approx([1001, 1.0, 0.495])
    assert recipe({"fio": {"error": "killed"}}) is None
