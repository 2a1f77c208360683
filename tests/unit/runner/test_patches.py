"""The patches return what the installed Python and pyinfra return."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyinfra
import pytest
from pyinfra.api import util
from pyinfra_cli import inventory

from skerry.local.paths import PROJECT
from skerry.runner import patches

PLUGINS = """
from importlib import metadata

def names():
    groups = ("pyinfra.connectors", "pytest11", "gevent.plugins.monkey.will_patch_all", "none")
    return [sorted(entry.name for entry in metadata.entry_points(group=group)) for group in groups]

before = names()
from skerry.runner import patches
patches.before_imports()
assert before[0] and before[1] and names() == before
"""


def both(state: SimpleNamespace) -> tuple[list[int], list[int]]:
    return patches.operation_order(state), util.get_operation_order_from_stack(state)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_cli", [False, True])
@pytest.mark.parametrize("deploy", [None, "deploy.py", "not in the stack"])
def test_the_order_is_the_one_that_pyinfra_finds(
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


def test_pyinfra_calls_the_function_by_the_name_that_is_patched() -> None:
    operation = sys.modules["pyinfra.api.operation"]
    assert operation.get_operation_order_from_stack is util.get_operation_order_from_stack


def test_a_file_of_group_data_is_parsed_once(tmp_path: Path) -> None:
    """pyinfra parses it for each name in it, and calls the function by the name that is patched."""
    path = tmp_path / "all.py"
    path.write_text("import sys\nfrom os import path as where\none, two = 1, 2\n")
    names = inspect.unwrap(inventory._get_imported_names)
    assert names(str(path)) == {"sys", "where"}
    assert " _get_imported_names(file)" in inspect.getsource(inventory._get_group_data)


def test_the_entry_points_are_those_that_python_finds() -> None:
    """In a process of its own, because the patch cannot be undone."""
    subprocess.run([sys.executable, "-c", PLUGINS], cwd=PROJECT, check=True)
