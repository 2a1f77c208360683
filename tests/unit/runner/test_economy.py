"""What is replaced in pyinfra gives what pyinfra itself gives, with the release that is installed."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyinfra
import pytest
from pyinfra.api import arguments, util
from pyinfra.api.host import HostData
from pyinfra_cli import inventory

from skerry.runner import economy

PROJECT = Path(__file__).parents[3]
PLUGINS = """
from importlib import metadata

def names():
    groups = ("pyinfra.connectors", "pytest11", "gevent.plugins.monkey.will_patch_all", "none")
    return [sorted(each.name for each in metadata.entry_points(group=group)) for group in groups]

before = names()
from skerry.runner import fast_imports
assert before[0] and before[1] and names() == before
"""

UNUSED = """
import sys
from pathlib import Path
from skerry.runner import engine
engine._import_phases(Path("deploy/k3s.py"))
assert not {"invoke.tasks", "pyinfra.facts.server"} & set(sys.modules)
import invoke
assert invoke.task and "invoke.tasks" in sys.modules
"""


def both(state: SimpleNamespace) -> tuple[list[int], list[int]]:
    return economy.lines(state), util.get_operation_order_from_stack(state)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_cli", [False, True])
@pytest.mark.parametrize("deploy", [None, "deploy.py", "not in the stack"])
def test_the_lines_are_those_that_pyinfra_finds(
    deploy: str | None, is_cli: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyinfra, "is_cli", is_cli)
    state = SimpleNamespace(current_deploy_filename=deploy, current_op_file_number=7)
    script = "def phase():\n    return both(state)\n\nfound = phase()"
    names: dict[str, Any] = {"both": both, "state": state}
    exec(compile(script, "deploy.py", "exec"), names)  # noqa: S102  as pyinfra runs a deploy
    ours, theirs = names["found"]
    assert ours == theirs
    if deploy == "deploy.py":
        assert ours[-3:-1] == [4, 2]


def test_pyinfra_asks_by_the_name_that_is_replaced() -> None:
    assert economy.OPERATION.get_operation_order_from_stack is util.get_operation_order_from_stack


def test_the_arguments_that_are_kept_are_the_same_each_time() -> None:
    assert inspect.signature(arguments.all_global_arguments).parameters == {}
    assert arguments.all_global_arguments() == arguments.all_global_arguments()
    assert "all_global_arguments()" in inspect.getsource(arguments.pop_global_arguments)


def test_a_hosts_data_are_those_that_pyinfra_finds() -> None:
    values: list[Any] = [{"a": [1]}, lambda: {"a": 2, "b": None}, {"c": 3}]
    data = HostData(SimpleNamespace(name="host"), *values)  # type: ignore[arg-type]
    theirs = inspect.unwrap(HostData.__getattr__)
    for when in ("as they came", "one set since"):
        for key in "abcd":
            found = [_or_none(of, data, key) for of in (economy.datum, theirs)]
            assert found[0] == found[1], (when, key)
        data.d = 4
    assert economy.datum(data, "a") is not values[0]["a"]


def _or_none(of: Any, data: Any, key: str) -> object:
    """The value with a mark that it is one, or what was raised."""
    try:
        return ("found", of(data, key))
    except AttributeError as error:
        return str(error)


def test_a_file_of_group_data_is_parsed_once(tmp_path: Path) -> None:
    """pyinfra asks for each name in it, by the name that is replaced."""
    path = tmp_path / "all.py"
    path.write_text("import sys\nfrom os import path as where\none, two = 1, 2\n")
    names = inspect.unwrap(inventory._get_imported_names)
    assert names(str(path)) == {"sys", "where"}
    assert " _get_imported_names(file)" in inspect.getsource(inventory._get_group_data)


def test_the_plugins_are_those_that_python_finds() -> None:
    """Asked in a process of its own, because it is for good."""
    subprocess.run([sys.executable, "-c", PLUGINS], cwd=PROJECT, check=True)


def test_what_no_run_needs_is_not_imported_and_there_when_asked_for() -> None:
    subprocess.run([sys.executable, "-c", UNUSED], cwd=PROJECT, check=True)
