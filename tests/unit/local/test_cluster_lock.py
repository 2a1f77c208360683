"""One run at a time changes a cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from skerry.local import cluster_lock
from skerry.local.paths import PROJECT

OSLO, BERGEN = Path("inventories/oslo.py"), Path("inventories/bergen.py")
TAKE = """
import sys
from pathlib import Path
from skerry.local.cluster_lock import cluster_lock
with cluster_lock(Path(sys.argv[1])):
    print("taken")
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKERRY_HOME", str(tmp_path))
    monkeypatch.setattr(cluster_lock, "LOCKS", tmp_path / "locks")


def take(inventory: Path) -> subprocess.CompletedProcess[str]:
    """Take the lock in another process."""
    command = [sys.executable, "-c", TAKE, str(inventory)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60)


def test_a_second_process_is_refused_in_one_line_while_the_first_has_the_lock() -> None:
    with cluster_lock.cluster_lock(OSLO):
        refused = take(OSLO)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "another run is changing oslo; wait for it to end\n"
    assert take(OSLO).stdout == "taken\n"


def test_another_cluster_is_not_locked() -> None:
    with cluster_lock.cluster_lock(OSLO):
        assert take(BERGEN).stdout == "taken\n"
