"""The `pyinfra` command and `invoke up` keep the same promises: one run at a time, a journal, helpful errors."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from skerry import lab
from skerry.local.paths import PROJECT
from tests.lab.conftest import Run, Start, WriteInventory
from tests.lab.runs import PYINFRA, Running

REFUSAL = "another run is changing harbour; wait for it to end"
SLEEP = 'from pyinfra.operations import server\nserver.shell(name="Mine | Sleep", commands=["sleep 30"])\n'


class StartPyinfra(Protocol):
    """start_pyinfra(inventory, deploy) starts the `pyinfra` command; what still runs after the test is killed."""

    def __call__(self, inventory: Path, deploy: str = "deploy/harden.py") -> Running: ...


@pytest.fixture
def start_pyinfra(home: Path) -> Iterator[StartPyinfra]:
    runs: list[Running] = []

    def begin(inventory: Path, deploy: str = "deploy/harden.py") -> Running:
        runs.append(Running(inventory, deploy, home, plain=True))
        return runs[-1]

    yield begin
    for running in runs:
        if running.process.poll() is None:
            running.kill()


@pytest.fixture
def sleeping(tmp_path: Path) -> str:
    """A user's own script, which takes half a minute on the host."""
    script = tmp_path / "sleeping.py"
    script.write_text(SLEEP)
    return str(script)


def test_both_roads_keep_the_same_journal(
    host: lab.LabHost, inventory: WriteInventory, run: Run, start_pyinfra: StartPyinfra
) -> None:
    path = inventory(host)
    engine = run(path, "deploy/harden.py")
    plain = start_pyinfra(path).finish()
    assert (engine.code, plain.code) == (0, 0), plain.stderr
    operations, own = (
        [
            (line["event"], line["host"], line["operation"])
            for line in result.journal
            if line.get("host") and "operation" in line
        ]
        for result in (engine, plain)
    )
    assert own == operations
    assert {line["result"] for line in plain.journal if line["event"] == "end"} == {"unchanged"}


def test_pyinfra_is_refused_while_the_engine_runs(
    host: lab.LabHost, inventory: WriteInventory, start: Start, start_pyinfra: StartPyinfra, sleeping: str
) -> None:
    path = inventory(host)
    first = start(path, sleeping)
    first.reach("start", "Mine | Sleep")
    for deploy in ("deploy/k3s.py", "deploy/unharden.py", "skerry.phases.swap.swap"):
        second = start_pyinfra(path, deploy).finish(20)
        assert (second.code, second.journal) == (1, [])
        assert [line for line in second.stderr.splitlines() if "-->" not in line] == [REFUSAL]
    assert first.process.poll() is None


def test_the_engine_is_refused_while_pyinfra_runs_and_ctrl_c_releases_the_lock(
    host: lab.LabHost, inventory: WriteInventory, run: Run, start_pyinfra: StartPyinfra, sleeping: str
) -> None:
    path = inventory(host)
    first = start_pyinfra(path, sleeping)
    first.reach("start", "Mine | Sleep")
    second = run(path, seconds=20)
    assert (second.code, second.stderr, second.journal) == (1, f"{REFUSAL}\n", [])
    os.killpg(first.process.pid, signal.SIGINT)
    interrupted = first.finish(10)
    assert interrupted.code == 130
    assert "interrupted; run it again to go on" in interrupted.stderr
    assert interrupted.journal[-1]["event"] == "interrupted"
    assert run(path, "deploy/harden.py").code == 0


def test_pyinfra_names_the_task_that_records_a_host_key(
    host: lab.LabHost, inventory: WriteInventory, home: Path, tmp_path: Path
) -> None:
    path = inventory(host, ssh_known_hosts_file=str(tmp_path / "known_hosts"))
    result = subprocess.run(
        [PYINFRA, "--dry", str(path), "deploy/k3s.py"], cwd=PROJECT, capture_output=True, text=True, check=False,
        env={**os.environ, "SKERRY_HOME": str(home)}, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert result.returncode == 1
    assert f"is not in {tmp_path / 'known_hosts'} yet; run `invoke trust {path}`" in result.stderr
    assert not (home / "runs").exists()
