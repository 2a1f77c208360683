"""Waiting ends when the problem does, or at the deadline."""

from __future__ import annotations

import pytest

from skerry.local.waiting import remaining_problem, until


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses made instead of slept."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


def test_the_wait_ends_with_the_problem(pauses: list[float]) -> None:
    answers = ["starting", "starting", ""]
    assert remaining_problem(lambda: answers.pop(0), seconds=60, every=2) == ""
    assert pauses == [2, 2]


def test_past_the_deadline_the_last_problem_is_returned_after_one_look(pauses: list[float]) -> None:
    assert remaining_problem(lambda: "down", seconds=0) == "down"
    assert not until(lambda: False, seconds=0)
    assert pauses == []


def test_an_exception_ends_the_wait_at_once() -> None:
    def check() -> str:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        remaining_problem(check, seconds=60)
