"""How sure a measured share is: one-sided confidence bounds that respect bursts.

A stall makes many syncs late at once, so they are not independent, and the usual bounds would be too narrow.
Korn and Graubard (1998, "Confidence intervals for proportions with small expected number of positive counts
estimated from survey data", Survey Methodology 24) take Clopper and Pearson's bounds with the number of
independent observations that the variance between stretches of time tells. Here stretches of several lengths
tell it, and the bursts themselves; the smallest number is taken. tests/unit/bench/test_bounds.py simulates
how often the bounds hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95  # of each bound
FEWEST_STRETCHES = 8  # that a variance is estimated from


@dataclass(frozen=True)
class Share:
    """`over` of `n`, with 95 % bounds of the share, each one-sided.

    `independent`: as how many observations they count. That is n where nothing was over the limit: bursts so
    rare that a run may see none of them are not in its bounds, and want a longer run (the soak profile).
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
    """The share of exceedances from (observations, exceedances) of consecutive stretches of equal length.

    `bursts`: in how many runs of consecutive observations the exceedances came.
    """
    n, over = sum(row[0] for row in rows), sum(row[1] for row in rows)
    if n == 0:
        return Share(0, 0, 0.0, 1.0, 0.0)
    independent = min([n / _inflation(n, over, bursts), *_independent(rows, n, over, confidence)])
    lower, upper = clopper_pearson(over / n * independent, independent, confidence)
    return Share(over, n, lower, upper, independent)


def _inflation(n: int, over: int, bursts: int) -> float:
    """How many times as much the share varies as it would if each observation were independent.

    Of a two-state Markov chain, (1 + r) / (1 - r) with r its correlation from one observation to the next.
    """
    if not bursts or over >= n:
        return 1.0
    change = bursts / over + bursts / (n - over)  # 1 - r: the chances to leave and to enter the state
    return max((2 - change) / change, 1.0)


def _independent(rows: Sequence[tuple[int, int]], n: int, over: int, confidence: float) -> list[float]:
    """Effective sample sizes, one for each length of stretches that gives enough of them."""
    p = over / n
    found, length = [], 1
    while 0 < p < 1 and len(rows) // length >= FEWEST_STRETCHES:
        stretches = [rows[at : at + length] for at in range(0, len(rows), length)]
        residuals = [sum(row[1] for row in some) - p * sum(row[0] for row in some) for some in stretches]
        m = len(stretches)
        variance = m / (m - 1) * sum(each**2 for each in residuals) / n**2
        if variance > 0:
            few = (t_quantile(confidence, n - 1) / t_quantile(confidence, m - 1)) ** 2
            found.append(p * (1 - p) / variance * few)
        length *= 2
    return found


def clopper_pearson(over: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """One-sided lower and upper bounds for `over` of `n`, which need not be whole (Biometrika 26, 1934)."""
    lower = 0.0 if over <= 0 else beta_quantile(1 - confidence, over, n - over + 1)
    upper = 1.0 if over >= n else beta_quantile(confidence, over + 1, n - over)
    return lower, upper


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_cdf(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    return front / a * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of `beta_cdf`, by Lentz's method as modified by Thompson and Barnett."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, 1000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1 / (1 + even * d), 1 + even / c
        result *= c * d
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1 / (1 + odd * d), 1 + odd / c
        result *= c * d
        if abs(c * d - 1) < 1e-13:
            break
    return result


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x at which the beta distribution has reached `p`."""
    return _bisect(lambda x: beta_cdf(x, a, b) < p, 0.0, 1.0)


def t_quantile(p: float, freedom: float) -> float:
    """Student's t for p of at least one half (DLMF 8.17 with x = freedom / (freedom + t²))."""
    return _bisect(lambda t: 1 - beta_cdf(freedom / (freedom + t * t), freedom / 2, 0.5) / 2 < p, 0.0, 1e3)


def _bisect(below: Callable[[float], bool], low: float, high: float) -> float:
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return high
