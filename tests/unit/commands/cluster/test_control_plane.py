"""`ready_server` returns a server whose API is ready, and waits for an election of etcd's leader."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from skerry.commands.cluster import control_plane
from skerry.model.errors import InputError

GONE, ELECTING = InputError("cannot be reached"), RuntimeError("[-]etcd failed: reason withheld")
HOSTS: Any = [SimpleNamespace(name="a"), SimpleNamespace(name="b")]


def ask(answers: list[Exception | str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The server that `ready_server` returns if the servers give these answers in turn."""

    def shell(host: Any, command: str) -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(control_plane, "shell", shell)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return control_plane.ready_server(HOSTS).name


def test_an_election_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask([GONE, ELECTING, GONE, "ok"], monkeypatch) == "b"


def test_unreachable_servers_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"no API server answers \(cannot be reached\); nothing was changed"):
        ask([GONE, GONE], monkeypatch)


def test_an_election_that_does_not_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_plane, "ELECTION_SECONDS", -1)
    with pytest.raises(InputError, match=r"\(\[-\]etcd failed: reason withheld\)"):
        ask([GONE, ELECTING], monkeypatch)
