"""One-sided confidence bounds of a measured share, wide enough for exceedances that come in bursts.

A stall makes many syncs late at once, so syncs are not independent and the usual bounds would be too narrow.
Korn and Graubard (1998, "Confidence intervals for proportions with small expected number of positive counts
estimated from survey data", Survey Methodology 24) compute Clopper and Pearson's bounds for an effective sample
size instead of the real one. Here the effective size is estimated from the variance between stretches of several
lengths and from the number of bursts; the smallest estimate counts. tests/unit/bench/test_bounds.py simulates how
often the bounds hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95  # of each bound
FEWEST_STRETCHES = 8  # that a variance is estimated from


@dataclass(frozen=True)
class Share:
    """`over` of `n` observations, with one-sided 95 % bounds of the share.

    `independent` is the effective sample size. It equals n where nothing was over the limit: the bounds then say
    nothing about bursts so rare that a run may see none, which only a longer run (the soak profile) can show.
    """

    over: int
    n: int
    lower: float
    upper: float
    independent: float

    @property
    def value(self) -> float:
        return self.over / self.n if self.n else 0.0


def share(rows: Sequence[tuple[int, int]], bursts: int, confidence: float = CONFIDENCE) -> Share:
    """Compute the share of exceedances from (observations, exceedances) of consecutive stretches of equal length.

    `bursts`: the number of runs of consecutive exceedances. Without observations the bounds are 0 and 1.
    """
    n, over = sum(row[0] for row in rows), sum(row[1] for row in rows)
    if n == 0:
        return Share(0, 0, 0.0, 1.0, 0.0)
    independent = min([n / _inflation(n, over, bursts), *_effective_sizes(rows, n, over, confidence)])
    lower, upper = clopper_pearson(over / n * independent, independent, confidence)
    return Share(over, n, lower, upper, independent)


def _inflation(n: int, over: int, bursts: int) -> float:
    """Estimate the design effect: the share's variance divided by the variance of independent observations.

    For a two-state Markov chain this is (1 + r) / (1 - r), where r is the correlation of neighbouring observations.
    """
    if not bursts or over >= n:
        return 1.0
    change = bursts / over + bursts / (n - over)  # 1 - r: the chances to leave and to enter the state
    return max((2 - change) / change, 1.0)


def _effective_sizes(rows: Sequence[tuple[int, int]], n: int, over: int, confidence: float) -> list[float]:
    """Returns an effective sample size for each length of stretches; [] if there are too few, or all or none exceed."""
    p = over / n
    if not 0 < p < 1 or len(rows) < FEWEST_STRETCHES:
        return []
    # Imported here: it takes 0.3 s, which only a measurement should pay.
    from scipy.special import stdtrit

    sizes, length = [], 1
    while len(rows) // length >= FEWEST_STRETCHES:
        stretches = [rows[at : at + length] for at in range(0, len(rows), length)]
        residuals = [sum(row[1] for row in some) - p * sum(row[0] for row in some) for some in stretches]
        m = len(stretches)
        variance = m / (m - 1) * sum(residual**2 for residual in residuals) / n**2
        if variance > 0:
            correction = (stdtrit(n - 1, confidence) / stdtrit(m - 1, confidence)) ** 2
            sizes.append(float(p * (1 - p) / variance * correction))
        length *= 2
    return sizes


def clopper_pearson(over: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Returns one-sided lower and upper bounds for `over` of `n`, which need not be whole (Biometrika 26, 1934)."""
    from scipy.special import betaincinv

    lower = 0.0 if over <= 0 else float(betaincinv(over, n - over + 1, 1 - confidence))
    upper = 1.0 if over >= n else float(betaincinv(over + 1, n - over, confidence))
    return lower, upper
