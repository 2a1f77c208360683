"""The bounds against known values, and by simulation how often they hold."""

from __future__ import annotations

import random

import pytest

from skerry.bench.bounds import beta_cdf, beta_quantile, clopper_pearson, share, t_quantile

ROWS, PER_ROW = 33, 150  # of a standard phase
RUNS = 150


def test_the_functions_have_their_tabled_values() -> None:
    assert t_quantile(0.95, 9) == pytest.approx(1.833, abs=5e-4)
    assert beta_cdf(0.3, 2, 5) == pytest.approx(0.579825)  # 1 - 0.7^5 * (0.7 + 6 * 0.3)
    assert beta_quantile(0.5, 3, 3) == pytest.approx(0.5)
    assert list(clopper_pearson(0, 10)) == pytest.approx([0, 1 - 0.05**0.1])
    assert list(clopper_pearson(10, 10)) == pytest.approx([0.05**0.1, 1])
    assert list(clopper_pearson(5, 100)) == pytest.approx([0.0199, 0.1023], abs=1e-4)


def test_299_syncs_without_one_too_slow_are_the_fewest_that_pass() -> None:
    assert share([(298, 0)], 0).upper > 0.01 > share([(299, 0)], 0).upper


def test_nothing_measured_says_nothing() -> None:
    found = share([], 0)
    assert (found.lower, found.upper) == (0.0, 1.0)


def test_bursts_widen_the_bounds() -> None:
    single = share([(150, 2)] * 20, bursts=40)
    burst = share([(150, 0)] * 19 + [(150, 40)], bursts=1)
    assert single.value == burst.value
    assert single.upper < 0.02 < burst.upper
    assert burst.lower < single.lower


def bursty(rate: float, length: float, seed: int) -> tuple[list[tuple[int, int]], int]:
    """Rows and bursts of a two-state Markov chain: exceedances at `rate`, in bursts of a mean `length`."""
    dice, begin = random.Random(seed), rate / (length * (1 - rate))
    slow, rows, bursts = dice.random() < rate, [], 0
    for _ in range(ROWS):
        over = 0
        for _ in range(PER_ROW):
            before, slow = slow, dice.random() > 1 / length if slow else dice.random() < begin
            over += slow
            bursts += slow and not before
        rows.append((PER_ROW, over))
    return rows, max(bursts, 1) if any(over for _, over in rows) else 0


@pytest.mark.parametrize(("rate", "length"), [(0.01, 1.001), (0.01, 5), (0.02, 10)])
def test_each_bound_holds_in_95_of_100_runs(rate: float, length: float) -> None:
    """Within what chance allows 150 runs: three standard errors below 95 % are 89.7 %."""
    found = [share(*bursty(rate, length, seed)) for seed in range(RUNS)]
    assert sum(each.upper >= rate for each in found) / RUNS > 0.897
    assert sum(each.lower <= rate for each in found) / RUNS > 0.897


def test_independence_would_be_wrong_for_bursts() -> None:
    """Why it is done at all: Clopper and Pearson alone hold far less often."""
    totals = [sum(over for _, over in bursty(0.02, 10, seed)[0]) for seed in range(RUNS)]
    held = sum(clopper_pearson(over, ROWS * PER_ROW)[1] >= 0.02 for over in totals) / RUNS
    assert held < 0.85
