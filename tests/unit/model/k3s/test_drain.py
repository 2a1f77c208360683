"""The marker of a node that Skerry has cordoned, run in a temporary folder."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from skerry.model.host_paths import CORDON, FORMER_CORDON, STATE
from skerry.model.k3s.drain import CLEAR_MARKER, READ_MARKER, drain_command, set_marker

Shell = Callable[[str], str]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Runs a command with `tmp_path` instead of /var/lib/skerry."""

    def run(command: str) -> str:
        here = command.replace(STATE, str(tmp_path / "skerry"))
        return subprocess.run(["sh", "-c", here], capture_output=True, text=True, check=True).stdout

    return run


def test_a_marked_node_is_read_until_the_marker_is_cleared(shell: Shell) -> None:
    assert shell(READ_MARKER) == ""
    shell(set_marker("c1"))
    assert shell(READ_MARKER) == "c1\n"
    shell(CLEAR_MARKER)
    assert shell(READ_MARKER) == ""


@pytest.mark.parametrize("marker", [CORDON, FORMER_CORDON])
def test_a_node_that_an_older_skerry_cordoned_is_read_and_cleared(shell: Shell, marker: str) -> None:
    shell(f"mkdir -p {STATE} && echo c2 > {marker}")
    assert shell(READ_MARKER) == "c2\n"
    shell(CLEAR_MARKER)
    assert shell(f"ls {STATE}") == ""


def test_options_come_before_the_deadline() -> None:
    command = drain_command("c1", 30, "--force").split(" ", 2)[2]
    assert command == "drain c1 --ignore-daemonsets --delete-emptydir-data --force --timeout=30s"
