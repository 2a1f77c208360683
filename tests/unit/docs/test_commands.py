"""The commands that README, CONTRIBUTING and docs/ show can be given as they stand.

Nothing runs here: `invoke` commands go through invoke's own parser with the project's tasks, `pyinfra` commands
through pyinfra's own command line, and the files they name must exist. Of other programs only the name is known.
Commands that can run do so elsewhere: those of the fleet in tests/fleet/test_newcomer.py, with a real Git server;
those of the tutorial against lab hosts in tests/lab/test_tutorial.py.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from invoke.parser import Parser
from invoke.program import Program

from skerry.commands.dev.reference import collection
from skerry.local.paths import PROJECT
from tests.documents import PAGES, Command, commands

# Programs that are not ours: a page may name them, and what they take is not checked.
OTHERS = {"cp", "export", "git", "kubectl", "mv", "source", "ssh-keygen", "vagrant"}
# Inventories that a page has the reader create.
CREATED = {"inventories/bergen.py", "inventories/group_data/bergen.py"}
TASKS = collection().to_contexts()
COMMANDS = [command for page in PAGES for command in commands(page)]
PYINFRA = """
import importlib, json, sys
from pyinfra_cli.cli import cli
for words in json.load(sys.stdin):
    arguments = cli.make_context("pyinfra", words[1:]).params
    for operation in arguments["operations"]:
        if not operation.endswith(".py"):
            module, _, name = operation.rpartition(".")
            assert hasattr(importlib.import_module(module), name), operation
"""


def words_of(command: Command, program: str) -> list[str]:
    """The command's words from `program` on; none if it is another one's."""
    words = [word for word in shlex.split(command.text) if word != "sudo"]
    return words if words and Path(words[0]).name == program else []


INVOKE = [command for command in COMMANDS if words_of(command, "invoke")]


def test_pages_show_commands() -> None:
    assert len(INVOKE) > 60
    assert len(COMMANDS) > len(INVOKE)


@pytest.mark.parametrize("command", INVOKE, ids=lambda command: f"{command.where} {command.text}")
def test_invoke_takes_the_command(command: Command) -> None:
    """The task exists, its flags are its own, and nothing that it requires is missing."""
    core = Parser(initial=Program().initial_context, ignore_unknown=True)
    parsed = core.parse_argv(words_of(command, "invoke")[1:])
    parser = Parser(initial=Program().initial_context, contexts=TASKS)
    _, *contexts = parser.parse_argv(parsed.unparsed)
    assert contexts or {"--list", "--help"} & set(command.text.split()), "names no task"
    for context in contexts:
        assert not context.missing_positional_args


def test_pyinfra_takes_the_commands() -> None:
    """Parsed by pyinfra's own command line, in a process of its own: pyinfra replaces what other tests use."""
    found = [words for command in COMMANDS if (words := words_of(command, "pyinfra"))]
    assert found
    done = subprocess.run(
        [sys.executable, "-c", PYINFRA],
        cwd=PROJECT, input=json.dumps(found), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command.where} {command.text}")
def test_programs_and_files_exist(command: Command) -> None:
    words = [word for word in shlex.split(command.text) if word != "sudo"]
    program = Path(words[0]).name
    assert program in {*OTHERS, "invoke", "pyinfra", "make"}
    if program == "make":
        targets = re.findall(r"^([\w./-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
        assert set(words[1:]) <= set(targets)
    for word in words[1:]:
        if re.fullmatch(r"(inventories|deploy|skerry|docs)/[\w./-]+\.py", word) and word not in CREATED:
            assert (PROJECT / word).is_file(), word
