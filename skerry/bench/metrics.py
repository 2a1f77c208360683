"""Read etcd's own histograms from its Prometheus endpoint."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from skerry.model.errors import InputError

WAL = "etcd_disk_wal_fsync_duration_seconds"
COMMIT = "etcd_disk_backend_commit_duration_seconds"


@dataclass(frozen=True)
class Histogram:
    """Cumulative counts by upper bound in seconds; etcd's bounds are 1 ms and its doublings."""

    buckets: dict[float, int]
    sum_seconds: float
    count: int

    @property
    def mean_seconds(self) -> float:
        return self.sum_seconds / self.count if self.count else 0.0

    def share_over(self, seconds: float) -> float:
        """Returns the share of observations above `seconds`, 0 without any. Raises KeyError if that is no bound."""
        return 1 - self.buckets[seconds] / self.count if self.count else 0.0

    def since(self, before: Histogram) -> Histogram:
        """Subtract an earlier reading."""
        counts = {bound: count - before.buckets.get(bound, 0) for bound, count in self.buckets.items()}
        return Histogram(counts, self.sum_seconds - before.sum_seconds, self.count - before.count)


def parse(text: str, names: Collection[str] = (WAL, COMMIT)) -> dict[str, Histogram]:
    """Read the named histograms from a page of metrics. Raises InputError if one is missing.

    https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    histograms = {}
    for name in names:
        buckets = re.findall(rf'^{name}_bucket\{{le="([0-9.e+-]+)"\}} (\S+)$', text, re.MULTILINE)
        total = re.search(rf"^{name}_sum (\S+)$", text, re.MULTILINE)
        count = re.search(rf"^{name}_count (\S+)$", text, re.MULTILINE)
        if not (buckets and total and count):
            raise InputError(f"there is no histogram {name}; is this etcd's /metrics?")
        counts = {float(bound): int(float(value)) for bound, value in buckets}
        histograms[name] = Histogram(counts, float(total[1]), int(float(count[1])))
    return histograms
