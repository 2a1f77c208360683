"""Waiting for etcd when the connection to a server is lost: that server, or another one."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from skerry.operations import servers


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The answer of each server; an exception is a lost connection."""
    answers: dict[str, Any] = {}
    hosts = {name: SimpleNamespace(name=name) for name in ("a", "b")}
    monkeypatch.setattr(servers, "server_names", lambda: list(hosts))
    monkeypatch.setattr(servers, "inventory", SimpleNamespace(get_host=hosts.__getitem__))
    monkeypatch.setattr(servers, "_report", answers.__getitem__)
    return answers


def test_another_server_whose_connection_is_lost_has_no_report(answers: dict[str, Any]) -> None:
    answers.update(a="report", b=EOFError("gone"))
    assert servers.reports(SimpleNamespace(name="a")) == {"a": "report", "b": None}  # type: ignore[arg-type, comparison-overlap]


def test_a_server_whose_own_connection_is_lost_is_not_waited_for(
    answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answers.update(a=EOFError("gone"), b="report")
    started = time.monotonic()
    assert not servers.wait_for_full_member(SimpleNamespace(), SimpleNamespace(name="a"), 600)  # type: ignore[arg-type]
    assert time.monotonic() - started < 1
    assert "a: could not be asked any more (gone)" in capsys.readouterr().err
