"""The journal tells what a run did, and never a secret."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from skerry.local import journal

OSLO, BERGEN = Path("inventories/oslo.py"), Path("inventories/bergen.py")


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(journal, "RUNS", tmp_path / "runs")
    return tmp_path / "runs"


def open_journal(inventory: Path = OSLO) -> AbstractContextManager[journal.Journal]:
    return journal.Journal.open(inventory, "deploy/k3s.py")


def test_lines_are_read_back_without_secrets(runs: Path) -> None:
    with open_journal() as written:
        written.write_hosts({"a": {"max_pods": 110, "ssh_password": "hunter2", "git_token": "hunter3"}})
        written.write("end", host="a", operation="Swap | Turn swap off", result="changed", seconds=1.5)
    lines = journal.read(OSLO, since=0)
    assert [line["event"] for line in lines] == ["run", "host", "end"]
    assert lines[1]["settings"] == {"max_pods": 110}
    assert "hunter" not in "".join(path.read_text() for path in runs.rglob("*") if path.is_file())
    assert oct((runs / "latest").resolve().stat().st_mode & 0o777) == "0o700"


def test_a_concurrent_run_of_another_cluster_is_not_read() -> None:
    started = time.time()
    with open_journal() as oslo, open_journal(BERGEN) as bergen:
        oslo.write("end", host="a")
        bergen.write("end", host="b")
    assert [line.get("host") for line in journal.read(OSLO, started)] == [None, "a"]
    assert journal.read(OSLO, time.time()) == []
    assert journal.read(Path("inventories/tromso.py"), started) == []
