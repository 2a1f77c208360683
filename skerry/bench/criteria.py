"""Thresholds for a disk under etcd or K3s, each with its source."""

from __future__ import annotations

from dataclasses import dataclass

ETCD_FAQ = "https://etcd.io/docs/v3.5/faq/"
CHECK_PERF = "https://github.com/etcd-io/etcd/blob/v3.5.9/etcdctl/ctlv3/command/check.go"
K3S_PROFILING = "https://docs.k3s.io/reference/resource-profiling"


@dataclass(frozen=True)
class Criterion:
    """No more than `share` of the times of `series` ("sync" or "commit") may exceed `limit_ms`."""

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
"""By datastore; "" for an agent, which has no datastore: there only a hang (below) fails."""

# etcd logs "slow fdatasync" above this (server/storage/wal, warnSyncDuration). It is also the default election timeout.
HANG_MS, HANG_SOURCE = 1000, "https://etcd.io/docs/v3.5/tuning/"

# `etcdctl check perf` fails below 90 % of the rate, with one answer over 0.5 s, or with a deviation over 0.1 s.
PERF_RATE, PERF_SLOWEST_SECONDS, PERF_DEVIATION_SECONDS = 0.9, 0.5, 0.1

# No flush is faster (our own cut-off; the fastest seen on a disk with a protected cache took longer).
FASTEST_FLUSH_NS = 20_000
MEMORY_FILESYSTEMS = {"tmpfs", "ramfs"}
LAYERED_FILESYSTEMS = {"overlay", "aufs"}

# Signs of a starved CPU (our own cut-offs): 1 % of timers wake over 4 ms late, or the hypervisor takes 10 % of the CPU.
LATE_WAKE_MS, LATE_WAKE_SHARE, STEAL_SHARE = 4, 0.01, 0.10

# For notes only: etcd's heartbeat interval, and K3s's figure for etcd, which we take as a median.
STALL_MS = 100
K3S_MEDIAN_MS = 5
