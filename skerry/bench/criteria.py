"""What etcd and K3s ask of a disk: thresholds as data, each with its source."""

from __future__ import annotations

from dataclasses import dataclass

ETCD_FAQ = "https://etcd.io/docs/v3.5/faq/"
CHECK_PERF = "https://github.com/etcd-io/etcd/blob/v3.5.9/etcdctl/ctlv3/command/check.go"
K3S_PROFILING = "https://docs.k3s.io/reference/resource-profiling"


@dataclass(frozen=True)
class Criterion:
    """No more than `share` of a series' times may exceed `limit_ms`."""

    name: str
    series: str
    limit_ms: int
    share: float
    source: str


ETCD = (
    Criterion("WAL fsync p99 < 10 ms", "sync", 10, 0.01, ETCD_FAQ),
    Criterion("backend commit p99 < 25 ms", "commit", 25, 0.01, ETCD_FAQ),
)
SQLITE = (Criterion("fsync p99 < 10 ms", "sync", 10, 0.01, K3S_PROFILING),)
DATASTORES: dict[str, tuple[Criterion, ...]] = {"etcd": ETCD, "sqlite": SQLITE, "": ()}
"""By datastore; "" for an agent, which has none: its disk only must not hang."""

# etcd logs "slow fdatasync" above this (server/storage/wal, warnSyncDuration), and by default elects anew after it.
HANG_MS, HANG_SOURCE = 1000, "https://etcd.io/docs/v3.5/tuning/"

# `etcdctl check perf`: a run fails below 90 % of the rate, at one answer over 0.5 s, or a deviation over 0.1 s.
PERF_RATE, PERF_SLOWEST_SECONDS, PERF_DEVIATION_SECONDS = 0.9, 0.5, 0.1

# A flush cannot be so fast (our own cut-off; the fastest seen on a disk with a protected cache is above it).
FASTEST_FLUSH_NS = 20_000
MEMORY_FILESYSTEMS = {"tmpfs", "ramfs"}
LAYERED_FILESYSTEMS = {"overlay", "aufs"}

# Starved of CPU (our own cut-offs): 1 % of the timer wake-ups come so late, or the hypervisor takes so much.
LATE_WAKE_MS, LATE_WAKE_SHARE, STEAL_SHARE = 4, 0.01, 0.10

# Said, but no verdict: etcd's heartbeat interval, and K3s's figure for etcd taken as a median (our reading).
STALL_MS = 100
K3S_MEDIAN_MS = 5
