"""The engine against a real etcd, on the same file system, in turns: python -m tests.bench.etcd_comparison --help

Each round starts a fresh etcd, puts `etcdctl check perf --load=s` on it (60 s), and reads etcd's own histograms;
then the engine runs as long, beside the same neighbour. Which of the two comes first changes with each round.
With --together both run at once, each beside the other: what else happens on the machine, which comes and goes
within a minute, then hits both alike, and what is left is the difference between the two loads.
For a disk that fails, run it in a cgroup that may write no more than so many times a second.
Needs etcd and etcdctl (Debian: etcd-server, etcd-client), and fio for the neighbour "random".
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from statistics import stdev
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.metrics import Histogram, parse
from bench.verdict import check_perf

PROJECT = Path(__file__).parents[2]
ENGINE = PROJECT / "bench" / "engine.py"
LIMITS_MS = (1, 2, 4, 8)
SECONDS = 60  # what `check perf` takes
NEIGHBOURS = ("", "pull", "random")
CLIENT, PEER = "http://127.0.0.1:32379", "http://127.0.0.1:32380"
WAL, COMMIT = "etcd_disk_wal_fsync_duration_seconds", "etcd_disk_backend_commit_duration_seconds"


@dataclass(frozen=True)
class Figures:
    """One side of a round: shares over LIMITS_MS, mean in ms, and check perf's three figures and verdict."""

    syncs: int
    over: list[float]
    mean: float
    commits: int
    commits_over: list[float]
    commit_mean: float
    slowest: float
    passed: bool


@dataclass(frozen=True)
class Round:
    neighbour: str
    etcd: Figures
    bench: Figures


def measure_etcd(folder: Path, neighbour: str, seconds: float = SECONDS) -> Figures:
    """`check perf` on a fresh etcd, and its own histograms. Cut off before its end, it gives no verdict."""
    with running_etcd(folder), beside(folder, neighbour):
        before = parse(get("metrics"), (WAL, COMMIT))
        said = _check_perf(seconds)
        found = parse(get("metrics"), (WAL, COMMIT))
    wal, commit = (found[name].since(before[name]) for name in (WAL, COMMIT))
    slowest = re.search(r"Slowest request took(?: too long:)? ([0-9.]+)", said)
    return Figures(
        *_of_histogram(wal),
        *_of_histogram(commit),
        slowest=float(slowest[1]) if slowest else float("nan"),
        passed="FAIL" not in said and "PASS" in said,
    )


def _check_perf(seconds: float) -> str:
    command = ["etcdctl", f"--endpoints={CLIENT}", "check", "perf", "--load=s"]
    environment = {**os.environ, "ETCDCTL_API": "3"}
    limit = seconds if seconds < SECONDS else None
    try:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=limit
        ).stdout
    except subprocess.TimeoutExpired:
        return ""


def _of_histogram(found: Histogram) -> tuple[int, list[float], float]:
    return found.count, [found.share_over(limit / 1000) for limit in LIMITS_MS], found.mean_seconds * 1000


def measure_bench(folder: Path, neighbour: str, seconds: float = SECONDS) -> Figures:
    """The engine with etcd's load."""
    result = run_engine(folder, {"seconds": seconds, "commit_pause_ms": 100, "neighbour": neighbour})
    [phase] = result["phases"]
    limits = result["limits_ms"]
    predicted = check_perf(phase)
    return Figures(
        *_of_series(phase["sync"], limits),
        *_of_series(phase["commit"], limits),
        slowest=predicted.slowest_seconds,
        passed=predicted.passed,
    )


def _of_series(series: dict[str, Any], limits: list[int]) -> tuple[int, list[float], float]:
    over = [sum(row[3 + limits.index(limit)] for row in series["rows"]) for limit in LIMITS_MS]
    return series["n"], [each / series["n"] for each in over], series["sum"] / series["n"] / 1e6


def run_engine(folder: Path, phase: dict[str, Any]) -> dict[str, Any]:
    child = subprocess.run(_engine(folder, phase), capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])["result"]
    return result


def _engine(folder: Path, phase: dict[str, Any]) -> list[str]:
    plan = {"path": str(folder), "force": True, "phases": [{"name": "load", "kind": "etcd", **phase}]}
    return [sys.executable, str(ENGINE), json.dumps(plan)]


@contextmanager
def beside(folder: Path, neighbour: str) -> Iterator[None]:
    """The engine's neighbour without its load, for as long as the block lasts."""
    if not neighbour:
        yield
        return
    command = _engine(folder, {"seconds": 600, "load": False, "neighbour": neighbour})
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        time.sleep(2)  # the random neighbour fills its file first
        try:
            yield
        finally:
            child.terminate()
            child.communicate()


@contextmanager
def running_etcd(folder: Path) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="etcd-", dir=folder) as data:
        command = ["etcd", f"--data-dir={data}", "--log-level=error", f"--listen-client-urls={CLIENT}"]
        command += [f"--advertise-client-urls={CLIENT}", f"--listen-peer-urls={PEER}"]
        command += [f"--initial-advertise-peer-urls={PEER}", f"--initial-cluster=default={PEER}"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as etcd:
            try:
                _until_healthy(etcd)
                yield
            finally:
                etcd.terminate()


def _until_healthy(etcd: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        time.sleep(0.1)
        if etcd.poll() is not None:
            raise SystemExit(f"etcd ended with code {etcd.returncode}; is port 32379 taken?")
        try:
            get("health")
            return
        except OSError:
            continue
    raise SystemExit("etcd did not start within 10 s")


def get(page: str) -> str:
    with urllib.request.urlopen(f"{CLIENT}/{page}", timeout=10) as answer:  # noqa: S310  our own etcd
        body: bytes = answer.read()
    return body.decode()


def in_turns(folder: Path, neighbour: str, etcd_first: bool) -> Round:
    if etcd_first:
        etcd = measure_etcd(folder, neighbour)
        bench = measure_bench(folder, neighbour)
    else:
        bench = measure_bench(folder, neighbour)
        etcd = measure_etcd(folder, neighbour)
    return Round(neighbour, etcd, bench)


def together(folder: Path, neighbour: str) -> Round:
    with beside(folder, neighbour), ThreadPoolExecutor() as pool:
        etcd, bench = pool.submit(measure_etcd, folder, ""), pool.submit(measure_bench, folder, "")
        return Round(neighbour, etcd.result(), bench.result())


def table(rounds: list[Round]) -> Table:
    """Every round, and under each neighbour the mean of its rounds; differences with their standard errors."""
    result = Table("neighbour", "round", "side")
    for heading in (
        *(f">{limit} ms" for limit in LIMITS_MS),
        "mean ms",
        "commit ms",
        "slowest s",
        "check perf",
    ):
        result.add_column(heading, justify="right")
    for neighbour in NEIGHBOURS:
        some = [each for each in rounds if each.neighbour == neighbour]
        for number, each in enumerate(some, 1):
            for side, figures in (("etcd", each.etcd), ("bench", each.bench)):
                result.add_row(neighbour or "idle", str(number), side, *_cells(figures))
            result.add_section()
        if some:
            for side in ("etcd", "bench"):
                result.add_row(
                    neighbour or "idle", "mean", side, *_mean([getattr(one, side) for one in some])
                )
            result.add_row(neighbour or "idle", "mean", "bench - etcd", *_difference(some))
            result.add_section()
    return result


def _cells(each: Figures) -> list[str]:
    shares = [f"{share:.1%}" for share in each.over]
    verdict = "" if isnan(each.slowest) else "PASS" if each.passed else "FAIL"
    return [*shares, f"{each.mean:.2f}", f"{each.commit_mean:.2f}", f"{each.slowest:.2f}", verdict]


def _mean(some: list[Figures]) -> list[str]:
    shares = [f"{_average([each.over[place] for each in some]):.1%}" for place in range(len(LIMITS_MS))]
    passed = sum(each.passed for each in some)
    return [
        *shares,
        f"{_average([each.mean for each in some]):.2f}",
        f"{_average([each.commit_mean for each in some]):.2f}",
        f"{max(each.slowest for each in some):.2f}",
        f"{passed} of {len(some)} pass",
    ]


def _difference(some: list[Round]) -> list[str]:
    points = []
    for place in range(len(LIMITS_MS)):
        paired = [100 * (one.bench.over[place] - one.etcd.over[place]) for one in some]
        error = stdev(paired) / len(paired) ** 0.5 if len(paired) > 1 else float("nan")
        points.append(f"{_average(paired):+.1f} ± {error:.1f}")
    ratios = []
    for name in ("mean", "commit_mean"):
        bench, etcd = (
            _average([getattr(getattr(one, side), name) for one in some]) for side in ("bench", "etcd")
        )
        ratios.append(f"{bench / etcd - 1:+.0%}")
    whole = [one for one in some if not isnan(one.etcd.slowest)]
    same = sum(one.bench.passed == one.etcd.passed for one in whole)
    return [*points, *ratios, "", f"{same} of {len(whole)} alike"]


def _average(values: list[float]) -> float:
    return sum(values) / len(values)


def load(path: Path) -> list[Round]:
    if not path.exists():
        return []
    return [
        Round(each["neighbour"], Figures(**each["etcd"]), Figures(**each["bench"]))
        for each in json.loads(path.read_text())
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--path", type=Path, default=Path("/var/lib"), help="folder on the file system to compare on"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--together", action="store_true", help="both sides at once, not in turns")
    parser.add_argument(
        "--neighbour", action="append", choices=["idle", "pull", "random"], help="default: all"
    )
    parser.add_argument(
        "--results", type=Path, help="JSON file to which rounds are added, and from which they are shown"
    )
    parser.add_argument("--show", action="store_true", help="only show the results")
    arguments = parser.parse_args()
    missing = [tool for tool in ("etcd", "etcdctl", "fio") if not shutil.which(tool)]
    if missing and not arguments.show:
        raise SystemExit(f"missing: {', '.join(missing)}; apt install etcd-server etcd-client fio")
    rounds = load(arguments.results) if arguments.results else []
    chosen = [name.replace("idle", "") for name in arguments.neighbour or ("idle", "pull", "random")]
    for _ in range(0 if arguments.show else arguments.rounds):
        for neighbour in chosen:
            if arguments.together:
                rounds.append(together(arguments.path, neighbour))
            else:
                etcd_first = sum(each.neighbour == neighbour for each in rounds) % 2 == 0
                rounds.append(in_turns(arguments.path, neighbour, etcd_first))
            print(f"{neighbour or 'idle'}: done", file=sys.stderr)
            if arguments.results:
                arguments.results.write_text(json.dumps([asdict(each) for each in rounds], indent=1))
    Console(width=140).print(table(rounds))


if __name__ == "__main__":
    main()
