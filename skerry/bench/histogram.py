"""Percentiles and curves from the engine's histograms. Times are in nanoseconds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

Counts = Mapping[int, int]
"""Observations by bucket, as `skerry.bench.remote_engine.bucket` numbers them."""


def counts(histogram: Mapping[str, int]) -> Counts:
    """Convert a histogram from JSON, whose keys are strings, and sort it by time."""
    return {int(index): histogram[index] for index in sorted(histogram, key=int)}


def upper_edge(index: int) -> int:
    """Returns the smallest time above a bucket."""
    if index < 255:
        return index + 1
    index += 1
    shift = (index >> 7) - 1
    return ((index & 127) + 128) << shift


def percentile(histogram: Counts, percent: float) -> int:
    """Returns the time that `percent` of the observations do not exceed, up to 0.8 % too high; 0 without any."""
    target = sum(histogram.values()) * percent / 100
    for (index, _), reached in zip(histogram.items(), itertools.accumulate(histogram.values()), strict=True):
        if reached >= target:
            return upper_edge(index)
    return 0


def exceedance(histogram: Counts) -> list[tuple[int, float]]:
    """Returns the lower edge of each bucket, with the share of observations at or above that time."""
    total = sum(histogram.values())
    reached = itertools.accumulate(histogram.values(), initial=0)
    return [
        (upper_edge(index - 1), 1 - below / total) for index, below in zip(histogram, reached, strict=False)
    ]
