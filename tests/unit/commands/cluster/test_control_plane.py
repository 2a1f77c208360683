"""Which server the tasks ask: one whose API is ready, after an election if need be."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from skerry.commands.cluster import control_plane
from skerry.model.errors import InputError

GONE, ELECTING = InputError("cannot be reached"), RuntimeError("[-]etcd failed: reason withheld")
HOSTS: Any = [SimpleNamespace(name="a"), SimpleNamespace(name="b")]


def asked(said: list[Exception | str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Which one `ready_server` returns, where the servers say these things in turn."""

    def shell(host: Any, command: str) -> str:
        answer = said.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(control_plane, "shell", shell)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return control_plane.ready_server(HOSTS).name


def test_an_election_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked([GONE, ELECTING, GONE, "ok"], monkeypatch) == "b"


def test_nothing_is_waited_for_where_no_server_can_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"no API server answers \(cannot be reached\); nothing was changed"):
        asked([GONE, GONE], monkeypatch)


def test_an_election_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_plane, "ELECTION_SECONDS", -1)
    with pytest.raises(InputError, match=r"\(\[-\]etcd failed: reason withheld\)"):
        asked([GONE, ELECTING], monkeypatch)
