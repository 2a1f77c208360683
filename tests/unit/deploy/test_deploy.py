"""The scripts in deploy/ are tables of contents."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from skerry.local.paths import PROJECT

SCRIPTS = sorted((PROJECT / "deploy").glob("*.py"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_imports_phases_and_calls_each_once(path: Path) -> None:
    docstring, *statements = ast.parse(path.read_text()).body
    assert isinstance(docstring, ast.Expr)
    imports = [node for node in statements if isinstance(node, ast.ImportFrom)]
    calls = [
        node.value.func
        for node in statements
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    assert len(imports) + len(calls) == len(statements)
    assert all(str(node.module).startswith("skerry.phases.") for node in imports)
    phases = [alias.name for node in imports for alias in node.names]
    assert sorted(phases) == sorted(call.id for call in calls if isinstance(call, ast.Name))
    assert len(path.read_text().splitlines()) <= 40
