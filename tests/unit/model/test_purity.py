"""The model is pure: values in, values out."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.local.paths import PROJECT

FILES = sorted((PROJECT / "skerry/model").rglob("*.py"))

MODULES = {
    "__future__", "collections", "collections.abc", "dataclasses", "datetime", "difflib", "fractions", "functools",
    "hashlib", "ipaddress", "json", "math", "pathlib", "re", "shlex", "string", "typing", "urllib.parse",
    "pydantic", "pydantic_core", "typing_extensions", "yaml",
}  # fmt: skip

# Functions that read or change the world, by name, whatever they belong to.
IMPURE = {
    "open", "print", "input", "exec", "eval", "__import__", "getenv", "now", "today", "utcnow",
    "read_text", "read_bytes", "write_text", "write_bytes", "exists", "is_file", "is_dir", "stat", "iterdir", "glob",
    "rglob", "mkdir", "touch", "unlink", "rename", "resolve", "absolute", "expanduser", "cwd", "home",
}  # fmt: skip


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_file_of_the_model_does_no_input_or_output(path: Path) -> None:
    tree = ast.parse(path.read_text())
    others = {name for name in imported(tree) if not f"{name}.".startswith("skerry.model.")}
    assert others <= MODULES | {"skerry", "skerry.templates"}
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    called = {function.id for function in calls if isinstance(function, ast.Name)}
    called |= {function.attr for function in calls if isinstance(function, ast.Attribute)}
    assert called & IMPURE == set()


def test_the_model_is_imported_without_pyinfra() -> None:
    modules = [".".join(path.relative_to(PROJECT).with_suffix("").parts) for path in FILES]
    script = (
        f"import sys, {', '.join(modules)}\n"
        "print(*sorted({'fabric', 'gevent', 'httpx', 'paramiko', 'pyinfra'} & set(sys.modules)))"
    )
    process = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (process.stdout, process.stderr) == ("\n", "")
