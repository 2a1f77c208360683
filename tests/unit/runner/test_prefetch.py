"""The next run prefetches what this one has read. Names of facts are kept, never scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skerry.facts.batch import FactQuery
from skerry.facts.k3s import K3s
from skerry.facts.preflight import PreflightFacts
from skerry.runner import prefetch
from skerry.runner.prefetch import Prefetch

QUESTIONS = [
    FactQuery(PreflightFacts, {"reach": "", "unless": "/k3s"}),
    FactQuery(
        K3s, {"unit": "k3s", "binary": "/k3s", "images": "", "role": "server", "files": ["/a file", "/it's"]}
    ),
]


class Host:
    """Test double of pyinfra's host: its name."""

    def __init__(self, name: str) -> None:
        self.name = name


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(prefetch, "SKERRY", tmp_path)
    monkeypatch.setattr(prefetch, "queries_before_changes", lambda: QUESTIONS)
    return tmp_path / "asked" / "oslo-k3s.json"


def remembered(place: Path) -> list[str]:
    """The scripts that the next run would send ahead to a."""
    kept = Prefetch(Path("inventories/oslo.py"), Path("deploy/k3s.py"))._queries
    return list(prefetch._scripts(kept.get("a", [])))


def test_the_next_run_asks_the_same(place: Path) -> None:
    assert remembered(place) == []
    Prefetch(Path("inventories/oslo.py"), Path("deploy/k3s.py")).save([Host("a")])  # type: ignore[list-item]
    assert remembered(place) == [each.script for each in QUESTIONS]
    assert oct(place.stat().st_mode & 0o777) == "0o600"
    assert "section" not in place.read_text()


def test_the_questions_of_hosts_that_are_not_in_this_run_are_kept(place: Path) -> None:
    for name in "ab":
        Prefetch(Path("oslo.py"), Path("k3s.py")).save([Host(name)])  # type: ignore[list-item]
    assert set(json.loads(place.read_text())) == {"a", "b"}


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "[]",
        '{"a": [{"fact": "os.system", "arguments": {"command": "id"}}]}',
        '{"a": [{"fact": "..os.system", "arguments": {}}]}',
        '{"a": [{"fact": "snapshot.FactBatch", "arguments": {}}]}',
        '{"a": [{"fact": "preflight.PreflightFacts", "arguments": {"of": "another release"}}]}',
        '{"a": [{"fact": "gone.Gone", "arguments": {}}]}',
        '{"a": [{}]}',
        '{"a": [7]}',
        '{"a": 7}',
    ],
)
def test_what_is_no_fact_of_ours_any_more_is_not_asked(place: Path, kept: str) -> None:
    place.parent.mkdir()
    place.write_text(kept)
    assert remembered(place) == []
