"""Every task explains itself, and mistakes on the command line are one line."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from types import ModuleType

import pytest
from invoke import Collection, Program, Task

import tasks
from skerry.local.paths import PROJECT
from skerry.tasks import cluster, dev, disk, fleet, hosts, lab

COLLECTION = Collection.from_module(tasks)


@pytest.mark.parametrize("task", COLLECTION.tasks.values(), ids=COLLECTION.tasks)
def test_every_task_has_a_docstring_and_every_argument_has_help(task: Task) -> None:  # type: ignore[type-arg]
    summary = (task.__doc__ or "").strip().splitlines()
    assert summary
    assert summary[0].endswith(".")
    assert [argument.name for argument in task.get_arguments() if not argument.help] == []


def test_task_names_are_words_joined_by_hyphens() -> None:
    assert [name for name in COLLECTION.tasks if "_" in name] == []


def test_the_flag_for_json_has_one_name() -> None:
    flags = [
        flag
        for task in COLLECTION.tasks.values()
        for argument in task.get_arguments()
        for flag in argument.names
    ]
    assert flags.count("json") >= 10
    assert [flag for flag in flags if "json" in flag and flag != "json"] == []


def test_tasks_do_without_pyinfras_event_loop() -> None:
    """Importing a phase makes gevent patch the standard library; threads that wait for SSH would then hang."""
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


def test_an_invalid_number_is_one_line() -> None:
    for words, said in (
        (
            ("bench-disk", "inventories/oslo.py", "--parallel", "many"),
            "--parallel is 'many'; write a whole number",
        ),
        (("bench-disk", "inventories/oslo.py", "--minutes", "1h"), "--minutes is '1h'; write a number"),
    ):
        done = invoke(*words)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{said}\n")


def run(*words: str) -> int:
    """Run invoke in this process. Returns its exit code."""
    program = Program(namespace=COLLECTION, binary="inv[oke]")
    with pytest.raises(SystemExit) as ended:
        program.run(["invoke", *words])
    return int(ended.value.code or 0)


@pytest.mark.parametrize("name", COLLECTION.tasks)
def test_help_is_shown_before_and_after_the_tasks_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help", name) == 0
    expected = capsys.readouterr().out
    assert f" {name} " in expected.splitlines()[0]
    for words in ([name, "--help"], [name, "inventories/oslo.py", "--help"]):
        if len(words) == 2 or any(argument.positional for argument in COLLECTION[name].get_arguments()):
            assert run(*words) == 0
            assert capsys.readouterr() == (expected, "")


def test_help_in_both_forms_from_the_shell() -> None:
    before, after = invoke("--help", "restore"), invoke("restore", "--help")
    assert (before.returncode, before.stdout, before.stderr) == (after.returncode, after.stdout, after.stderr)
    assert (after.returncode, after.stderr) == (0, "")
    assert "--archive" in after.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("restore", "restore: inventory and archive are missing; see `invoke restore --help`"),
        ("upgrade inventories/oslo.py", "upgrade: to is missing; see `invoke upgrade --help`"),
        ("restore a b --key", "restore: --key needs a value; see `invoke restore --help`"),
        ("fleet-lint --jsno", "fleet-lint: has no option --jsno; see `invoke fleet-lint --help`"),
        ("reboot a b", "reboot: b is one argument too many, and no task; see `invoke reboot --help`"),
        ("upp inventories/oslo.py", "there is no task upp; see `invoke --list`"),
    ],
)
def test_a_wrong_command_line_is_one_line(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words.split()) == 2
    assert capsys.readouterr() == ("", f"{said}\n")


@pytest.mark.parametrize(
    "module", [hosts, cluster, disk, fleet, lab, dev], ids=lambda module: module.__name__
)
def test_a_task_is_a_signature_and_a_call(module: ModuleType) -> None:
    """Its body has at most five statements, and it stands in one of the modules of skerry/tasks."""
    tree = ast.parse(inspect.getsource(module))
    bodies = {node.name: node.body[1:] for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert len(bodies) == len(Collection.from_module(module).tasks)
    assert {name: len(body) for name, body in bodies.items() if len(body) > 5} == {}
