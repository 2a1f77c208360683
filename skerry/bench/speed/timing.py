"""Measure time and memory of commands, in rounds in which contenders take turns."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console

from skerry.local.console import log
from skerry.local.paths import PROJECT

# Starts the command from a small process, because the kernel counts the parent's memory as the command's.
METER = """
import os, sys, time
begun = time.monotonic()
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
with open(sys.argv[1], "w") as file:
    print(time.monotonic() - begun, usage.ru_maxrss / 1024, file=file)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Cost:
    """A run's seconds, the peak memory of its largest process in MiB, and its output."""

    seconds: float
    mib: float
    output: str

    @property
    def changed(self) -> bool:
        """Whether the output says, in Skerry's or Ansible's words, that a host was changed."""
        return bool(re.search(r"to change: |\bchanged=[1-9]", self.output))


Contender = Callable[[], Cost]


def timed(command: Sequence[str], **environment: str) -> Cost:
    """Run a command. Returns its cost. If it fails, ends the process with the end of its output."""
    with tempfile.TemporaryFile() as output, tempfile.NamedTemporaryFile("r") as cost:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", METER, cost.name, *command],
            cwd=PROJECT, env={**os.environ, **environment}, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip
        output.seek(0)
        text = output.read().decode()
        if done.returncode:
            raise SystemExit(f"{' '.join(command)[:200]} failed:\n{text[-3000:]}")
        seconds, mib = map(float, cost.read().split())
    return Cost(seconds, mib, text)


def measure(
    title: str, rounds: int, contenders: dict[str, Contender], before: Callable[[], object] = lambda: None
) -> dict[str, list[Cost]]:
    """Run each contender once per round, in reverse order in every second round, after `before`.

    Pending writes are flushed to the disk first, so that no contender waits for another's. Standard error shows which
    contender runs, and how long it took. Returns the costs by contender.
    """
    console = Console(stderr=True)
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in list(contenders)[:: -1 if number % 2 else 1]:
            step = f"{title}: round {number + 1} of {rounds}: {name}"
            with console.status(step):
                before()
                os.sync()
                cost = contenders[name]()
            log(f"{step}: {cost.seconds:.2f} s")
            costs[name].append(cost)
    return costs
