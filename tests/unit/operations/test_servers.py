"""Waiting for etcd: what a server that went away means for itself, and for those that wait beside it."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from skerry.operations import servers


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What each server answers; an exception stands for a lost connection."""
    said: dict[str, Any] = {}
    hosts = {name: SimpleNamespace(name=name) for name in ("a", "b")}
    monkeypatch.setattr(servers, "server_names", lambda: list(hosts))
    monkeypatch.setattr(servers, "inventory", SimpleNamespace(get_host=hosts.__getitem__))
    monkeypatch.setattr(servers, "_report", said.__getitem__)
    return said


def test_another_server_that_went_away_says_nothing(said: dict[str, Any]) -> None:
    said.update(a="fine", b=EOFError("gone"))
    assert servers.reports(SimpleNamespace(name="a")) == {"a": "fine", "b": None}  # type: ignore[arg-type, comparison-overlap]


def test_nobody_waits_for_a_server_whose_own_connection_is_lost(
    said: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    said.update(a=EOFError("gone"), b="fine")
    begun = time.monotonic()
    assert not servers.wait_for_full_member(SimpleNamespace(), SimpleNamespace(name="a"), 600)  # type: ignore[arg-type]
    assert time.monotonic() - begun < 1
    assert "a: could not be asked any more (gone)" in capsys.readouterr().err
