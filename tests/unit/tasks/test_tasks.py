"""`invoke --list` and `invoke --help TASK` tell a newcomer what there is."""

from __future__ import annotations

import subprocess
import sys

import pytest
from invoke import Collection, Task

import tasks
from skerry.local.paths import PROJECT

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


def test_tasks_do_without_pyinfras_event_loop() -> None:
    """A phase's import turns the standard library over to gevent; threads that wait for SSH then never wake up."""
    modules = [
        ".".join(path.relative_to(PROJECT).with_suffix("").parts)
        for room in ("commands", "local", "remote", "tasks")
        for path in (PROJECT / "skerry" / room).rglob("*.py")
    ]
    tasks_alone = [name for name in modules if not name.endswith("__init__")]
    script = f"import socket, {', '.join(tasks_alone)}; print(socket.socket.__module__)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("socket\n", "")


def invoke(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "invoke", *words]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def test_a_number_that_is_none_is_a_mistake_in_one_line() -> None:
    for words, said in (
        (
            ("bench-disk", "inventories/oslo.py", "--parallel", "many"),
            "--parallel is 'many'; write a whole number",
        ),
        (("bench-disk", "inventories/oslo.py", "--minutes", "1h"), "--minutes is '1h'; write a number"),
    ):
        done = invoke(*words)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{said}\n")


def test_help_is_shown_wherever_it_is_asked_for() -> None:
    asked = [invoke("reboot", "--help"), invoke("--help", "reboot")]
    assert asked[0].stdout == asked[1].stdout != ""
    assert [each.returncode for each in asked] == [0, 0]
