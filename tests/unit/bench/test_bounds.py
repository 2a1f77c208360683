"""The bounds agree with known values, and simulations show how often they hold."""

from __future__ import annotations

import math
import random
import subprocess
import sys

import pytest

from skerry.bench.bounds import clopper_pearson, share

ROWS, PER_ROW = 33, 150  # of a standard phase
RUNS = 150
# Computed with an independent implementation: continued fraction (DLMF 8.17.22) and bisection, without scipy.
BOUNDS = [
    (0, 299, 0.95, 0.0, 0.009969146792899897),
    (1, 10, 0.95, 0.005116196891823701, 0.3941633024365047),
    (2.5, 73.1, 0.95, 0.007885345656965683, 0.093274215569006),
    (5, 100, 0.95, 0.01990556366217167, 0.10225337764327364),
    (49.5, 4950, 0.95, 0.007790326517751523, 0.012655608211781301),
    (90, 30000, 0.999, 0.0021177515166880692, 0.0041092996786109),
    (10, 10, 0.95, 0.7411344491069477, 1.0),
    (7.31, 21.93, 0.999, 0.08504970852541383, 0.6772237073433005),
]
SERIES = {
    "spread": ([(150, number % 3) for number in range(33)], 30),
    "a stall": ([(150, 0)] * 30 + [(150, 40), (150, 20), (150, 5)], 3),
    "commits": ([(9, number * number % 2) for number in range(33)], 16),
    "soak": ([(149, 9 * (number % 61 == 0)) for number in range(1800)], 30),
}
SHARES = [
    ("spread", 0.95, 0.004737178736877882, 0.00913717037338452, 4176.040494938133),
    ("spread", 0.999, 0.0034359973992634223, 0.011540933994202696, 4176.040494938133),
    ("a stall", 0.95, 0.0005381252982796878, 0.06423482397274023, 69.90290143089666),
    ("a stall", 0.999, 7.245253881398017e-08, 0.17897235246033558, 42.14639668550565),
    ("commits", 0.95, 0.03407927098844668, 0.08067497712756973, 297.0),
    ("commits", 0.999, 0.021886288243903127, 0.10678690918536533, 297.0),
    ("soak", 0.95, 0.0006305009014561354, 0.001530640814843609, 15793.305141682802),
    ("soak", 0.999, 0.0004017485446182545, 0.002055814332991124, 15793.305141682802),
]


@pytest.mark.parametrize(("over", "n", "confidence", "lower", "upper"), BOUNDS)
def test_bounds_agree_with_an_independent_implementation(
    over: float, n: float, confidence: float, lower: float, upper: float
) -> None:
    assert clopper_pearson(over, n, confidence) == pytest.approx((lower, upper), abs=1e-9, rel=0)


@pytest.mark.parametrize(("name", "confidence", "lower", "upper", "independent"), SHARES)
def test_shares_agree_with_an_independent_implementation(
    name: str, confidence: float, lower: float, upper: float, independent: float
) -> None:
    found = share(*SERIES[name], confidence)
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=1e-9, rel=0)
    assert found.independent == pytest.approx(independent, rel=1e-9)


@pytest.mark.parametrize("n", [1, 10, 299, 30000])
@pytest.mark.parametrize("confidence", [0.95, 0.995, 0.999])
def test_bounds_of_none_and_of_all_have_their_exact_values(n: int, confidence: float) -> None:
    """With no exceedance the upper bound u solves (1 - u)^n = 1 - confidence, with all the lower one l^n."""
    exact = -math.expm1(math.log1p(-confidence) / n)
    assert clopper_pearson(0, n, confidence) == pytest.approx((0, exact), abs=1e-12, rel=0)
    assert clopper_pearson(n, n, confidence) == pytest.approx((1 - exact, 1), abs=1e-12, rel=0)


def test_tabled_bounds() -> None:
    """5 of 100, two-sided 90 %, as tables print it."""
    assert list(clopper_pearson(5, 100)) == pytest.approx([0.0199, 0.1023], abs=1e-4)


def test_scipy_is_imported_only_to_compute_bounds() -> None:
    """It takes 0.3 s, which `invoke --list` and reading a run should not pay."""
    code = "import sys, skerry.bench.verdict, skerry.commands.disk.bench; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_299_syncs_without_one_too_slow_are_the_fewest_that_pass() -> None:
    assert share([(298, 0)], 0).upper > 0.01 > share([(299, 0)], 0).upper


def test_without_observations_the_share_may_be_anything() -> None:
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
    shares = [share(*bursty(rate, length, seed)) for seed in range(RUNS)]
    assert sum(one.upper >= rate for one in shares) / RUNS > 0.897
    assert sum(one.lower <= rate for one in shares) / RUNS > 0.897


def test_independence_would_be_wrong_for_bursts() -> None:
    """Clopper and Pearson's bounds without the effective sample size hold far less often."""
    totals = [sum(over for _, over in bursty(0.02, 10, seed)[0]) for seed in range(RUNS)]
    held = sum(clopper_pearson(over, ROWS * PER_ROW)[1] >= 0.02 for over in totals) / RUNS
    assert held < 0.85
