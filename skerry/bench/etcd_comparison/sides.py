"""The two sides of the comparison: a real etcd under `etcdctl check perf`, and the engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.bench import remote_engine
from skerry.bench.measurement import Measurement, check_perf, stolen
from skerry.bench.metrics import COMMIT, WAL, Histogram, parse
from skerry.bench.remote_engine import LONGEST, counters, difference
from skerry.local.http_client import Unreachable, download
from skerry.local.waiting import until

LIMITS_MS = (1, 2, 4, 8)
CHECK_PERF_SECONDS = 60  # how long `check perf` runs
CALM = 0.01  # the largest share of the CPU that the hypervisor takes in a calm round
CLIENT, PEER = "http://127.0.0.1:32379", "http://127.0.0.1:32380"


@dataclass(frozen=True)
class Figures:
    """One side of a round.

    `over`, `commits_over`: shares over LIMITS_MS. `mean`, `commit_mean`: in ms. `slowest`, `passed`: the slowest answer
    in seconds and the verdict, of check perf (NaN and False if it was cut short) or as the engine predicts them.
    `steal`: the share of the CPU that the hypervisor took.
    """

    syncs: int
    over: list[float]
    mean: float
    commits: int
    commits_over: list[float]
    commit_mean: float
    slowest: float
    passed: bool
    steal: float


@dataclass(frozen=True)
class Round:
    """Both sides, measured one after the other beside the same neighbour. `neighbour`: "" for none."""

    neighbour: str
    etcd: Figures
    bench: Figures

    @property
    def is_calm(self) -> bool:
        return max(self.etcd.steal, self.bench.steal) <= CALM


def measure_round(folder: Path, neighbour: str, seconds: float, etcd_first: bool) -> Round:
    """Measure both sides beside a neighbour that is running already."""
    if etcd_first:
        etcd = measure_etcd(seconds)
        bench = measure_bench(folder, seconds)
    else:
        bench = measure_bench(folder, seconds)
        etcd = measure_etcd(seconds)
    return Round(neighbour, etcd, bench)


def measure_etcd(seconds: float = CHECK_PERF_SECONDS) -> Figures:
    """Run `check perf` on the running etcd and read etcd's histograms. No verdict if `seconds` cuts it short."""
    # `check perf` refuses to start if its keys exist.
    _etcdctl("del", "--prefix", "/etcdctl-check-perf/")
    histograms, counted = _histograms(), counters("")
    limit = seconds if seconds < CHECK_PERF_SECONDS else None
    output = _etcdctl("check", "perf", "--load=s", limit=limit)
    steal = stolen({"counters": difference(counted, counters(""))})
    later = _histograms()
    wal, commit = (later[name].since(histograms[name]) for name in (WAL, COMMIT))
    slowest = re.search(r"Slowest request took(?: too long:)? ([0-9.]+)", output)
    return Figures(
        *_histogram_figures(wal),
        *_histogram_figures(commit),
        slowest=float(slowest[1]) if slowest else float("nan"),
        passed="FAIL" not in output and "PASS" in output,
        steal=steal or 0.0,
    )


def _histograms() -> dict[str, Histogram]:
    return parse(get("metrics"), (WAL, COMMIT))


def _etcdctl(*arguments: str, limit: float | None = None) -> str:
    """Run etcdctl. Returns its output; "" if it was ended after `limit` seconds."""
    command = ["etcdctl", f"--endpoints={CLIENT}", *arguments]
    environment = {**os.environ, "ETCDCTL_API": "3"}
    try:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=limit
        ).stdout
    except subprocess.TimeoutExpired:
        return ""


def _histogram_figures(histogram: Histogram) -> tuple[int, list[float], float]:
    shares = [histogram.share_over(limit / 1000) for limit in LIMITS_MS]
    return histogram.count, shares, histogram.mean_seconds * 1000


def measure_bench(folder: Path, seconds: float = CHECK_PERF_SECONDS) -> Figures:
    """Run the engine with etcd's load."""
    measurement = _run_engine(folder, {"seconds": seconds, "commit_pause_ms": 100})
    [phase] = measurement["phases"]
    limits_ms = measurement["limits_ms"]
    predicted = check_perf(phase)
    return Figures(
        *_series_figures(phase["sync"], limits_ms),
        *_series_figures(phase["commit"], limits_ms),
        slowest=predicted.slowest_seconds,
        passed=predicted.passed,
        steal=stolen(phase) or 0.0,
    )


def _series_figures(series: dict[str, Any], limits_ms: list[int]) -> tuple[int, list[float], float]:
    counts = [sum(row[3 + limits_ms.index(limit)] for row in series["rows"]) for limit in LIMITS_MS]
    return series["n"], [count / series["n"] for count in counts], series["sum"] / series["n"] / 1e6


def _run_engine(folder: Path, phase: dict[str, Any]) -> Measurement:
    process = subprocess.run(_engine(folder, phase), capture_output=True, text=True, check=True)
    result: Measurement = json.loads(process.stdout.splitlines()[-1])["result"]
    return result


def _engine(folder: Path, phase: dict[str, Any]) -> list[str]:
    plan = {"path": str(folder), "force": True, "phases": [{"name": "load", "kind": "etcd", **phase}]}
    return [sys.executable, remote_engine.__file__, json.dumps(plan)]


@contextmanager
def running_neighbour(folder: Path, neighbour: str) -> Iterator[None]:
    """Run the engine's neighbour without etcd's load while the block runs, for at most a day. "" runs none."""
    if not neighbour:
        yield
        return
    command = _engine(folder, {"seconds": LONGEST - 60, "load": False, "neighbour": neighbour})
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        # The random neighbour fills its file first.
        time.sleep(2)
        try:
            yield
        finally:
            process.terminate()
            process.communicate()


@contextmanager
def running_etcd(folder: Path) -> Iterator[None]:
    """Run an etcd of one member with its data in `folder` while the block runs. Ends the process if etcd fails."""
    with tempfile.TemporaryDirectory(prefix="etcd-", dir=folder) as data:
        command = ["etcd", f"--data-dir={data}", "--log-level=error", f"--listen-client-urls={CLIENT}"]
        command += [f"--advertise-client-urls={CLIENT}", f"--listen-peer-urls={PEER}"]
        command += [f"--initial-advertise-peer-urls={PEER}", f"--initial-cluster=default={PEER}"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as etcd:
            try:
                _wait_until_healthy(etcd)
                yield
            finally:
                etcd.terminate()


def _wait_until_healthy(etcd: subprocess.Popen[bytes]) -> None:
    def healthy() -> bool:
        if etcd.poll() is not None:
            raise SystemExit(f"etcd ended with code {etcd.returncode}; is port 32379 taken?")
        try:
            return bool(get("health"))
        except Unreachable:
            return False

    if not until(healthy, seconds=10, every=0.1):
        raise SystemExit("etcd did not start within 10 s")


def get(page: str) -> str:
    """Returns a page of etcd's client port. Raises Unreachable."""
    with download(f"{CLIENT}/{page}") as response:
        return response.read().decode()
