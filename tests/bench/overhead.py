"""Measure what Python adds to a sync: the same loop in C, in Python as the engine does it, and by fio, in turns.

python -m tests.bench.overhead --path /var/lib --rounds 6
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from skerry.bench.remote_engine import fio_path, fio_result, start_fio, unnamed_file

COUNT, BYTES = 2000, 2300
SOURCE = Path(__file__).with_name("append.c")


def in_c(binary: Path, folder: Path) -> list[int]:
    """Nanoseconds of each fdatasync."""
    done = subprocess.run([str(binary), str(folder), str(COUNT)], capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]


def in_python(folder: Path) -> list[int]:
    """The same with the calls and the clock of skerry/bench/remote_engine.py."""
    file, record, taken = unnamed_file(str(folder)), os.urandom(BYTES), []
    os.posix_fallocate(file, 0, COUNT * BYTES)
    gc.disable()
    for number in range(COUNT):
        os.pwrite(file, record, number * BYTES)
        begun = time.monotonic_ns()
        os.fdatasync(file)
        taken.append(time.monotonic_ns() - begun)
    gc.enable()
    os.close(file)
    return taken


def by_fio(folder: Path) -> tuple[float, float]:
    """fio's own median and p99 in nanoseconds."""
    name, file = fio_path(str(folder))
    os.posix_fallocate(file, 0, COUNT * BYTES)
    job = start_fio(
        "loop", name, "--rw=write", "--ioengine=sync", "--fdatasync=1", f"--bs={BYTES}", f"--size={COUNT * BYTES}",
        "--fallocate=none",
    )  # fmt: skip
    percentiles = fio_result(job)["jobs"][0]["sync"]["lat_ns"]["percentile"]
    os.close(file)
    return percentiles["50.000000"], percentiles["99.000000"]


def figures(taken: list[int]) -> tuple[float, float]:
    """Median and p99."""
    ordered = sorted(taken)
    return median(ordered), ordered[len(ordered) * 99 // 100]


def compile_loop(folder: Path) -> Path:
    """Compile the C loop. Returns the binary."""
    binary = folder / "append"
    subprocess.run(["gcc", "-O2", "-o", str(binary), str(SOURCE)], check=True)
    return binary


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--path", type=Path, default=Path("/var/lib"))
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in ("C", "Python", "fio")}
    with tempfile.TemporaryDirectory() as folder:
        binary = compile_loop(Path(folder))
        for _ in range(arguments.rounds):
            rounds["C"].append(figures(in_c(binary, arguments.path)))
            rounds["Python"].append(figures(in_python(arguments.path)))
            rounds["fio"].append(by_fio(arguments.path))
    table = Table("fdatasync, µs", "p50 of the rounds", "p99 of the rounds")
    for name, measured in rounds.items():
        columns = [sorted(figure[column] / 1000 for figure in measured) for column in (0, 1)]
        table.add_row(
            name, *(f"{column[0]:.0f} - {median(column):.0f} - {column[-1]:.0f}" for column in columns)
        )
    Console().print(table)
    print("lowest - median - highest round")


if __name__ == "__main__":
    main()
