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

QUERIES = [
    FactQuery(PreflightFacts, {"reach": "", "unless": "/k3s"}),
    FactQuery(
        K3s, {"unit": "k3s", "binary": "/k3s", "images": "", "role": "server", "files": ["/a file", "/it's"]}
    ),
]


class Host:
    """Test double of pyinfra's host: has its name alone."""

    def __init__(self, name: str) -> None:
        self.name = name


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(prefetch, "SKERRY", tmp_path)
    monkeypatch.setattr(prefetch, "queries_before_changes", lambda: QUERIES)
    return tmp_path / "asked" / "oslo-k3s.json"


def prefetched(file: Path) -> list[str]:
    """The scripts that the next run would prefetch from host a."""
    queries = Prefetch(Path("inventories/oslo.py"), Path("deploy/k3s.py"))._queries
    return list(prefetch._scripts(queries.get("a", [])))


def test_the_next_run_prefetches_what_this_one_has_read(file: Path) -> None:
    assert prefetched(file) == []
    Prefetch(Path("inventories/oslo.py"), Path("deploy/k3s.py")).save([Host("a")])  # type: ignore[list-item]
    assert prefetched(file) == [query.script for query in QUERIES]
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert "section" not in file.read_text()


def test_the_queries_of_hosts_that_are_not_in_this_run_are_kept(file: Path) -> None:
    for name in "ab":
        Prefetch(Path("oslo.py"), Path("k3s.py")).save([Host(name)])  # type: ignore[list-item]
    assert set(json.loads(file.read_text())) == {"a", "b"}


@pytest.mark.parametrize(
    "saved",
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
def test_a_query_that_this_release_does_not_know_is_dropped(file: Path, saved: str) -> None:
    file.parent.mkdir()
    file.write_text(saved)
    assert prefetched(file) == []
