"""What is replaced in pyinfra gives what pyinfra itself gives, with the release that is installed."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pyinfra
import pytest
from pyinfra.api import arguments, util

from controller import economy


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
