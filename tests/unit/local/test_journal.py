"""The journal tells what a run did, never a secret, and two runs never change one cluster at once."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from skerry.commands.hosts.up import phases
from skerry.commands.stages import Stage
from skerry.local import cluster_lock, journal

OSLO, BERGEN = Path("inventories/oslo.py"), Path("inventories/bergen.py")


class FakeData:
    """Stands for pyinfra's host data."""

    def __init__(self, **values: object) -> None:
        self.values = values

    def dict(self) -> dict[str, object]:
        return self.values


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(journal, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(cluster_lock, "LOCKS", tmp_path / "locks")
    return tmp_path


def open_journal(inventory: Path = OSLO, **data: object) -> Any:
    hosts = [SimpleNamespace(name="a", data=FakeData(**data))]
    return journal.Journal.open(inventory, Path("deploy/k3s.py"), hosts)


def test_what_was_written_is_read_back_and_secrets_are_not_there(home: Path) -> None:
    with open_journal(max_pods=110, ssh_password="hunter2", git_token="hunter3") as written:
        written.write("end", host="a", operation="Swap | Turn swap off", result="changed", seconds=1.5)
    lines = journal.read(OSLO, since=0)
    assert [line["event"] for line in lines] == ["run", "host", "end"]
    assert lines[1]["settings"] == {"max_pods": 110}
    assert "hunter" not in "".join(path.read_text() for path in home.rglob("*") if path.is_file())
    assert oct((home / "runs" / "latest").resolve().stat().st_mode & 0o777) == "0o700"


def test_the_run_of_another_cluster_at_the_same_time_is_not_taken_for_ours() -> None:
    begun = time.time()
    with open_journal() as ours, open_journal(BERGEN) as theirs:
        ours.write("end", host="a")
        theirs.write("end", host="b")
    assert [line.get("host") for line in journal.read(OSLO, begun)] == [None, "a", "a"]
    assert journal.read(OSLO, time.time()) == []
    assert journal.read(Path("inventories/tromso.py"), begun) == []


def _open_in_child() -> None:
    with open_journal():
        pass


def test_a_second_run_on_the_same_cluster_ends_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with open_journal():
        child = multiprocessing.get_context("fork").Process(target=_open_in_child)
        child.start()
        child.join(10)
    assert child.exitcode == 1
    assert capfd.readouterr().err == "another run is changing oslo; wait for it to end\n"


def line(operation: str, result: str, seconds: float, host: str = "a") -> dict[str, object]:
    return {"event": "end", "host": host, "operation": operation, "result": result, "seconds": seconds}


def test_phases_sum_up_their_operations() -> None:
    lines: list[dict[str, object]] = [
        {"event": "run"},
        line("Preflight | Look at every host", "unchanged", 0.5, host=""),
        line("Swap | Keep swap off at boot", "changed", 1.0),
        line("Swap | Turn swap off", "unchanged", 0.5),
        line("Kernel | Load", "unchanged", 0.25),
        line("K3s | Start", "failed", 9.0),
    ]
    assert phases(lines) == [
        Stage("Preflight", "done", "", 0.5),
        Stage("Swap", "done", "1 changed", 1.5),
        Stage("Kernel", "unchanged", "", 0.25),
        Stage("K3s", "failed", "a: Start", 9.0),
    ]


def test_a_failed_phase_stays_failed_when_another_host_succeeds() -> None:
    [stage] = phases([line("K3s | Start", "failed", 1.0), line("K3s | Start", "changed", 1.0, host="b")])
    assert stage.result == "failed"
