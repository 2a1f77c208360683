"""The `pyinfra` command takes the cluster's lock and keeps a journal, as `invoke up` does by way of the engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from skerry.local import cluster_lock
from skerry.local.paths import PROJECT

PYINFRA = str(Path(sys.executable).parent / "pyinfra")
REFUSAL = "another run is changing mine; wait for it to end"
OWN_SCRIPT = (
    'from pyinfra.operations import server\nserver.shell(name="Mine | Touch", commands=["touch {path}"])\n'
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """One host that nobody answers for."""
    (tmp_path / "group_data").symlink_to(PROJECT / "inventories" / "group_data")
    path = tmp_path / "mine.py"
    path.write_text('servers = [("a", {"ssh_hostname": "127.0.0.1", "ssh_port": 9})]')
    return path


@pytest.fixture
def touched(tmp_path: Path) -> Path:
    return tmp_path / "touched"


@pytest.fixture
def own_script(tmp_path: Path, touched: Path) -> str:
    """A user's own script, without our phases."""
    path = tmp_path / "own.py"
    path.write_text(OWN_SCRIPT.format(path=touched))
    return str(path)


@contextmanager
def locked(home: Path, inventory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hold the cluster's lock."""
    monkeypatch.setattr(cluster_lock, "LOCKS", home / "locks")
    with cluster_lock.cluster_lock(inventory):
        yield


def start(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=PROJECT, env={**os.environ, "SKERRY_HOME": str(home)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def journal(home: Path) -> list[dict[str, Any]]:
    text = (home / "runs" / "latest" / "journal.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    "deploy",
    [*sorted(f"deploy/{path.name}" for path in (PROJECT / "deploy").glob("*.py")), "skerry.phases.swap.swap"],
)
def test_pyinfra_is_refused_while_another_run_has_the_lock(
    home: Path, inventory: Path, deploy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked(home, inventory, monkeypatch):
        result = start(home, PYINFRA, "-y", str(inventory), deploy)
    assert result.returncode == 1
    assert [line for line in result.stderr.splitlines() if not line.startswith("-->")] == [REFUSAL]
    assert not (home / "runs").exists()


def test_the_engine_is_refused_with_the_same_line(
    home: Path, inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = [sys.executable, "-m", "skerry.runner.engine", "run", str(inventory), "deploy/k3s.py"]
    with locked(home, inventory, monkeypatch):
        result = start(home, *engine)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", f"{REFUSAL}\n")
    assert not (home / "runs").exists()


def test_a_run_keeps_a_journal(home: Path, inventory: Path, own_script: str, touched: Path) -> None:
    inventory.write_text('servers = [("@local", {"ssh_password": "hunter2"})]')
    result = start(home, PYINFRA, "-y", str(inventory), own_script)
    assert result.returncode == 0, result.stderr
    assert touched.exists()
    lines = journal(home)
    assert [line["event"] for line in lines] == ["run", "host", "start", "end"]
    assert (lines[0]["inventory"], lines[0]["deploy"]) == (str(inventory), own_script)
    assert "hunter2" not in str(lines)
    assert (lines[3]["host"], lines[3]["operation"], lines[3]["result"]) == (
        "@local",
        "Mine | Touch",
        "changed",
    )


def test_a_failed_operation_is_in_the_journal(home: Path, inventory: Path, own_script: str) -> None:
    inventory.write_text('servers = ["@local"]')
    Path(own_script).write_text(OWN_SCRIPT.format(path="/nowhere/file"))
    assert start(home, PYINFRA, "-y", str(inventory), own_script).returncode == 1
    assert journal(home)[-1]["result"] == "failed"


@pytest.mark.parametrize("options", [["--dry"], ["--debug-operations"]])
def test_a_run_that_only_shows_needs_no_lock_and_keeps_no_journal(
    home: Path,
    inventory: Path,
    own_script: str,
    touched: Path,
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inventory.write_text('servers = ["@local"]')
    with locked(home, inventory, monkeypatch):
        result = start(home, PYINFRA, *options, str(inventory), own_script)
    assert result.returncode == 0, result.stderr
    assert not touched.exists()
    assert not (home / "runs").exists()


def test_the_lock_is_released_at_the_end(home: Path, inventory: Path, own_script: str) -> None:
    inventory.write_text('servers = ["@local"]')
    for _ in range(2):
        assert start(home, PYINFRA, "-y", str(inventory), own_script).returncode == 0


def test_a_host_that_cannot_be_reached_is_explained(home: Path, inventory: Path) -> None:
    result = start(home, PYINFRA, "--dry", str(inventory), "deploy/k3s.py")
    assert result.returncode == 1
    assert "a: 127.0.0.1 port 9 cannot be reached" in result.stderr
    assert "see ssh_hostname and ssh_port" in result.stderr
