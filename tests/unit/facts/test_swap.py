from __future__ import annotations

from pathlib import Path

from skerry.facts.swap import Swap
from tests.unit.shell import shell


def test_the_swap_fact_runs_and_parses_here() -> None:
    output = shell(Swap().command()).stdout.splitlines()
    active = [line.split()[0] for line in Path("/proc/swaps").read_text().splitlines()[1:]]
    assert list(Swap().process(output).active) == active
