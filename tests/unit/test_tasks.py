"""`invoke --list` and `invoke --help TASK` tell a newcomer what there is."""

from __future__ import annotations

import pytest
from invoke import Collection, Task

import tasks

COLLECTION = Collection.from_module(tasks)


@pytest.mark.parametrize("task", COLLECTION.tasks.values(), ids=COLLECTION.tasks)
def test_every_task_says_what_it_does_and_every_argument_has_help(task: Task) -> None:  # type: ignore[type-arg]
    summary = (task.__doc__ or "").strip().splitlines()
    assert summary
    assert summary[0].endswith(".")
    assert [argument.name for argument in task.get_arguments() if not argument.help] == []


def test_task_names_are_words_joined_by_hyphens() -> None:
    assert [name for name in COLLECTION.tasks if "_" in name] == []


def test_what_machines_read_is_asked_for_by_one_name() -> None:
    flags = [
        flag
        for task in COLLECTION.tasks.values()
        for argument in task.get_arguments()
        for flag in argument.names
    ]
    assert flags.count("json") >= 10
    assert [flag for flag in flags if "json" in flag and flag != "json"] == []
