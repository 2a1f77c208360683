"""A short comparison with a real etcd. CI's machines are too busy to compare times, so it checks the direction.

The whole comparison is `python -m skerry.bench.etcd_comparison`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from skerry.bench.etcd_comparison import sides
from tests.bench.conftest import Measure

SECONDS = 5


@pytest.mark.skipif(
    not shutil.which("etcd") or not shutil.which("etcdctl"), reason="needs etcd-server, etcd-client"
)
def test_a_disk_is_as_slow_for_the_bench_as_for_etcd(tmp_path: Path) -> None:
    """Means are of the same order of magnitude: etcd's under its own load, and the engine's without a neighbour."""
    with sides.running_etcd(tmp_path):
        etcd = sides.measure_etcd(SECONDS)
    bench = sides.measure_bench(tmp_path, SECONDS)
    # On a slow disk many records share a sync.
    assert min(etcd.syncs, bench.syncs) > 10 * SECONDS
    assert 0.2 < bench.mean / etcd.mean < 5
    assert 0.2 < bench.commit_mean / etcd.commit_mean < 5


def test_a_neighbour_makes_it_worse(measure: Measure) -> None:
    """The neighbour's writes reach the disk, and commits do not become faster."""
    alone, beside = (
        measure(seconds=4, commit_pause_ms=100, neighbour=neighbour)["phases"][0]
        for neighbour in ("", "pull")
    )
    assert beside["beside"]["pull"]["bytes"] > 50 * 2**20
    assert beside["counters"].get("disk_write_sectors", 10**9) > alone["counters"].get(
        "disk_write_sectors", 0
    )
    assert (
        beside["commit"]["sum"] / beside["commit"]["n"] > 0.5 * alone["commit"]["sum"] / alone["commit"]["n"]
    )
