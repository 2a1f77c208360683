"""etcd's histograms are read, subtracted and judged between their bounds."""

from __future__ import annotations

import pytest

from skerry.bench.metrics import COMMIT, WAL, parse
from skerry.commands.cluster.etcd_latency import state
from skerry.model.errors import InputError

LINES = """# TYPE {name} histogram
{name}_bucket{{le="0.001"}} {a}
{name}_bucket{{le="0.008"}} {b}
{name}_bucket{{le="0.016"}} {c}
{name}_bucket{{le="+Inf"}} {n}
{name}_sum {s}
{name}_count {n}
"""


def text(a: int, b: int, c: int, n: int = 1000) -> str:
    return "".join(LINES.format(name=name, a=a, b=b, c=c, n=n, s=n / 500) for name in (WAL, COMMIT))


def test_shares_and_mean_of_what_came_since() -> None:
    before, after = parse(text(90, 99, 100, n=100)), parse(text(790, 1069, 1080, n=1100))
    found = after[WAL].since(before[WAL])
    assert found.count == 1000
    assert found.share_over(0.001) == pytest.approx(0.3)
    assert found.mean_seconds == pytest.approx(0.002)


@pytest.mark.parametrize(
    ("counts", "word"), [((900, 995, 999), "fast"), ((900, 980, 995), "unclear"), ((900, 950, 980), "slow")]
)
def test_a_threshold_between_two_bounds(counts: tuple[int, int, int], word: str) -> None:
    """p99 under 10 ms: surely if 99 % are within 8 ms, surely not if 1 % take over 16 ms."""
    assert state(parse(text(*counts))[WAL], 8, 16) == word


def test_other_metrics_are_not_taken_for_etcds() -> None:
    with pytest.raises(InputError, match="is this etcd's"):
        parse("process_cpu_seconds_total 1\n")
