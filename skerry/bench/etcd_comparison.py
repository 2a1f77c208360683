"""The engine against a real etcd, on the same file system, in turns: python -m skerry.bench.etcd_comparison --help

Each round puts `etcdctl check perf --load=s` on an etcd for as long as --seconds, and reads etcd's own histograms;
then the engine runs as long, beside the same neighbour. Which of the two comes first changes with each round. What
the machine does meanwhile changes within a minute, so that short rounds tell the shares best (--seconds 5 --rounds 40);
`check perf` gives its verdict only after the 60 s that are the default.
Where the hypervisor took more of the CPU from one side than from the other, the round compares hypervisors: a last
row for each neighbour leaves out those in which it took more than 1 % from either.
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from statistics import stdev
from typing import Any

from rich.console import Console
from rich.table import Table

from skerry.bench.metrics import COMMIT, WAL, Histogram, parse
from skerry.bench.remote_engine import LONGEST, counters, difference
from skerry.bench.verdict import check_perf, stolen
from skerry.local.http_client import Unreachable, download

ENGINE = Path(__file__).with_name("remote_engine.py")
LIMITS_MS = (1, 2, 4, 8)
SECONDS = 60  # what `check perf` takes
NEIGHBOURS = ("", "pull", "random")
CALM = 0.01  # of the CPU, that the hypervisor may take in a round that is compared
CLIENT, PEER = "http://127.0.0.1:32379", "http://127.0.0.1:32380"


@dataclass(frozen=True)
class Figures:
    """One side of a round: shares over LIMITS_MS, means in ms, check perf's slowest answer and verdict (NaN, False
    without one), and the share of the CPU that the hypervisor took meanwhile."""

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
    neighbour: str
    etcd: Figures
    bench: Figures

    @property
    def is_calm(self) -> bool:
        return max(self.etcd.steal, self.bench.steal) <= CALM


def measure_etcd(seconds: float = SECONDS) -> Figures:
    """`check perf` on the running etcd, and its own histograms. Cut off before its end, it gives no verdict."""
    _etcdctl("del", "--prefix", "/etcdctl-check-perf/")  # it wants to find none of its keys
    before, counted = parse(get("metrics"), (WAL, COMMIT)), counters("")
    said = _etcdctl("check", "perf", "--load=s", limit=seconds if seconds < SECONDS else None)
    steal = stolen({"counters": difference(counted, counters(""))})
    found = parse(get("metrics"), (WAL, COMMIT))
    wal, commit = (found[name].since(before[name]) for name in (WAL, COMMIT))
    slowest = re.search(r"Slowest request took(?: too long:)? ([0-9.]+)", said)
    return Figures(
        *_of_histogram(wal),
        *_of_histogram(commit),
        slowest=float(slowest[1]) if slowest else float("nan"),
        passed="FAIL" not in said and "PASS" in said,
        steal=steal or 0.0,
    )


def _etcdctl(*arguments: str, limit: float | None = None) -> str:
    command = ["etcdctl", f"--endpoints={CLIENT}", *arguments]
    environment = {**os.environ, "ETCDCTL_API": "3"}
    try:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=limit
        ).stdout
    except subprocess.TimeoutExpired:
        return ""


def _of_histogram(found: Histogram) -> tuple[int, list[float], float]:
    return found.count, [found.share_over(limit / 1000) for limit in LIMITS_MS], found.mean_seconds * 1000


def measure_bench(folder: Path, seconds: float = SECONDS) -> Figures:
    """The engine with etcd's load."""
    result = run_engine(folder, {"seconds": seconds, "commit_pause_ms": 100})
    [phase] = result["phases"]
    limits = result["limits_ms"]
    predicted = check_perf(phase)
    return Figures(
        *_of_series(phase["sync"], limits),
        *_of_series(phase["commit"], limits),
        slowest=predicted.slowest_seconds,
        passed=predicted.passed,
        steal=stolen(phase) or 0.0,
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
    """The engine's neighbour without its load, for as long as the block lasts: a day at most."""
    if not neighbour:
        yield
        return
    command = _engine(folder, {"seconds": LONGEST - 60, "load": False, "neighbour": neighbour})
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
        except Unreachable:
            continue
    raise SystemExit("etcd did not start within 10 s")


def get(page: str) -> str:
    with download(f"{CLIENT}/{page}") as response:
        return response.read().decode()


def in_turns(folder: Path, neighbour: str, seconds: float, etcd_first: bool) -> Round:
    if etcd_first:
        etcd = measure_etcd(seconds)
        bench = measure_bench(folder, seconds)
    else:
        bench = measure_bench(folder, seconds)
        etcd = measure_etcd(seconds)
    return Round(neighbour, etcd, bench)


def table(rounds: list[Round]) -> Table:
    """Every round, and under each neighbour the mean of its rounds; differences with their standard errors."""
    result = Table("neighbour", "round", "side")
    for heading in (
        *(f">{limit} ms" for limit in LIMITS_MS),
        "mean ms",
        "commit ms",
        "slowest s",
        "check perf",
        "stolen",
    ):
        result.add_column(heading, justify="right")
    for neighbour in NEIGHBOURS:
        name, some = neighbour or "idle", [each for each in rounds if each.neighbour == neighbour]
        for number, each in enumerate(some, 1):
            for side, figures in (("etcd", each.etcd), ("bench", each.bench)):
                result.add_row(name, str(number), side, *_cells(figures))
            result.add_section()
        if some:
            for side in ("etcd", "bench"):
                result.add_row(name, "mean", side, *_mean([getattr(one, side) for one in some]))
            calm = [one for one in some if one.is_calm]
            result.add_row(name, f"all {len(some)}", "bench - etcd", *_difference(some))
            result.add_row(name, f"{len(calm)} calm", "bench - etcd", *_difference(calm))
            result.add_section()
    return result


def _cells(each: Figures) -> list[str]:
    shares = [f"{share:.1%}" for share in each.over]
    verdict = "" if isnan(each.slowest) else "PASS" if each.passed else "FAIL"
    means = (f"{each.mean:.2f}", f"{each.commit_mean:.2f}", f"{each.slowest:.2f}")
    return [*shares, *means, verdict, f"{each.steal:.1%}"]


def _mean(some: list[Figures]) -> list[str]:
    shares = [f"{_average([each.over[place] for each in some]):.1%}" for place in range(len(LIMITS_MS))]
    whole = [each.passed for each in some if not isnan(each.slowest)]
    return [
        *shares,
        f"{_average([each.mean for each in some]):.2f}",
        f"{_average([each.commit_mean for each in some]):.2f}",
        f"{max(each.slowest for each in some):.2f}",
        f"{sum(whole)} of {len(whole)} pass",
        f"{_average([each.steal for each in some]):.1%}",
    ]


def _difference(some: list[Round]) -> list[str]:
    if not some:
        return []
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
    try:
        return [
            Round(each["neighbour"], Figures(**each["etcd"]), Figures(**each["bench"]))
            for each in json.loads(path.read_text())
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(
            f"{path} holds no rounds of this version ({error}); give another --results"
        ) from None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--path", type=Path, default=Path("/var/lib"), help="folder on the file system to compare on"
    )
    parser.add_argument("--rounds", type=int, default=5, help="under each neighbour")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each side in a round, 60 at most")
    parser.add_argument(
        "--neighbour", action="append", choices=["idle", "pull", "random"], help="default: all"
    )
    parser.add_argument(
        "--results", type=Path, help="JSON file to which rounds are added, and from which they are shown"
    )
    parser.add_argument("--show", action="store_true", help="only show the results")
    arguments = parser.parse_args()
    if not 1 <= arguments.seconds <= SECONDS:
        parser.error(f"--seconds is {arguments.seconds:g}; give 1 to {SECONDS}")
    if arguments.rounds < 1:
        parser.error(f"--rounds is {arguments.rounds}; give 1 or more")
    if not arguments.path.is_dir():
        parser.error(f"--path: there is no folder {arguments.path}")
    missing = [tool for tool in ("etcd", "etcdctl", "fio") if not shutil.which(tool)]
    if missing and not arguments.show:
        raise SystemExit(f"missing: {', '.join(missing)}; apt install etcd-server etcd-client fio")
    rounds = load(arguments.results) if arguments.results else []
    chosen = [name.replace("idle", "") for name in arguments.neighbour or ("idle", "pull", "random")]
    for neighbour in [] if arguments.show else chosen:
        with running_etcd(arguments.path), beside(arguments.path, neighbour):
            for number in range(arguments.rounds):
                rounds.append(in_turns(arguments.path, neighbour, arguments.seconds, number % 2 == 0))
                print(f"{neighbour or 'idle'}: {number + 1} of {arguments.rounds}", file=sys.stderr)
                if arguments.results:
                    arguments.results.write_text(json.dumps([asdict(each) for each in rounds], indent=1))
    Console(width=150).print(table(rounds))


if __name__ == "__main__":
    main()
