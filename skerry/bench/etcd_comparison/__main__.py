"""Compare the engine with a real etcd on the same file system: python -m skerry.bench.etcd_comparison --help

Each round runs `etcdctl check perf --load=s` on an etcd for --seconds and reads etcd's own histograms, then runs the
engine for as long beside the same neighbour. The order of the two alternates between rounds. Other load on the machine
changes within a minute, so many short rounds compare shares best (--seconds 5 --rounds 40); `check perf` gives a
verdict only after 60 s, the default.

Where the hypervisor takes more of the CPU from one side than from the other, a round compares hypervisors. The last
row of each neighbour leaves out rounds in which it took more than 1 % from either side. To compare a disk that fails,
run the command in a cgroup with a limit of writes per second.

Needs etcd and etcdctl (Debian: etcd-server, etcd-client), and fio for the neighbour "random".
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from skerry.bench.etcd_comparison.sides import (
    CHECK_PERF_SECONDS,
    Figures,
    Round,
    measure_round,
    running_etcd,
    running_neighbour,
)
from skerry.bench.etcd_comparison.table import table
from skerry.local.console import log


def main() -> None:
    """Measure, and print the table of all rounds. Ends the process with a message for wrong arguments."""
    arguments = _arguments()
    rounds = load(arguments.results) if arguments.results else []
    if not arguments.show:
        for name in arguments.neighbour or ("idle", "pull", "random"):
            neighbour = "" if name == "idle" else name
            with running_etcd(arguments.path), running_neighbour(arguments.path, neighbour):
                for number in range(arguments.rounds):
                    log(f"{name}: round {number + 1} of {arguments.rounds}")
                    etcd_first = number % 2 == 0
                    rounds.append(measure_round(arguments.path, neighbour, arguments.seconds, etcd_first))
                    if arguments.results:
                        arguments.results.write_text(json.dumps([asdict(one) for one in rounds], indent=1))
    Console(width=150).print(table(rounds))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m skerry.bench.etcd_comparison", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--path", type=Path, default=Path("/var/lib"), help="folder on the file system (default /var/lib)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds beside each neighbour (default 5)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=CHECK_PERF_SECONDS,
        help="duration of each side in a round (default 60)",
    )
    parser.add_argument(
        "--neighbour",
        action="append",
        choices=["idle", "pull", "random"],
        help="may be repeated (default: all)",
    )
    parser.add_argument(
        "--results", type=Path, help="JSON file to add rounds to, and to show the earlier ones of"
    )
    parser.add_argument("--show", action="store_true", help="show the results without measuring")
    arguments = parser.parse_args()
    if not 1 <= arguments.seconds <= CHECK_PERF_SECONDS:
        parser.error(f"--seconds is {arguments.seconds:g}; give 1 to {CHECK_PERF_SECONDS}")
    if arguments.rounds < 1:
        parser.error(f"--rounds is {arguments.rounds}; give 1 or more")
    if not arguments.path.is_dir():
        parser.error(f"--path: there is no folder {arguments.path}")
    missing = [tool for tool in ("etcd", "etcdctl", "fio") if not shutil.which(tool)]
    if missing and not arguments.show:
        raise SystemExit(f"missing: {', '.join(missing)}; apt install etcd-server etcd-client fio")
    return arguments


def load(path: Path) -> list[Round]:
    """Read the rounds from a file of results; [] if there is no file. Ends the process if it holds something else."""
    if not path.exists():
        return []
    try:
        return [
            Round(one["neighbour"], Figures(**one["etcd"]), Figures(**one["bench"]))
            for one in json.loads(path.read_text())
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(
            f"{path} holds no rounds of this version ({error}); give another --results"
        ) from None


if __name__ == "__main__":
    main()
