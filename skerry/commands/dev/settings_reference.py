"""The settings reference as Markdown: meanings and defaults from all.py, types from `Settings`."""

from __future__ import annotations

import ast
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from skerry.local.paths import PROJECT
from skerry.model.settings.settings import Settings

ALL_PY = PROJECT / "inventories" / "group_data" / "all.py"
UNITS = {"seconds": "seconds", "hours": "hours", "percent": "percent", "mib": "MiB", "gib": "GiB"}
PLAIN = {bool: "True or False", int: "whole number", str: "text", object: "any value"}


@dataclass(frozen=True)
class Section:
    """A heading "# === Title ===" of all.py with the comment and the settings below it."""

    title: str
    introduction: str
    entries: list[Entry]


@dataclass(frozen=True)
class Entry:
    """A setting of all.py. `meaning`: the comment above it, as Markdown; `default`: as `ast.unparse` writes it."""

    name: str
    meaning: str
    default: str


def settings_reference() -> str:
    """Returns the page of settings by section: meaning, type, unit and default."""
    return "\n".join(line for section in sections() for line in _section(section))


def sections() -> Iterator[Section]:
    """The sections of all.py in order."""
    for chapter in ALL_PY.read_text().split("\n# === ")[1:]:
        title, _, body = chapter.partition(" ===\n")
        introduction, _, code = ("", "", body) if body.startswith("\n") else body.partition("\n\n")
        yield Section(title, _prose(introduction), list(_entries(code)))


def _entries(code: str) -> Iterator[Entry]:
    lines = code.splitlines()
    for statement in ast.parse(code).body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            end = start = statement.lineno - 1
            while start and lines[start - 1].startswith("#"):
                start -= 1
            default = ast.unparse(statement.value).replace("'", '"')
            yield Entry(ast.unparse(target), _prose("\n".join(lines[start:end])), default)


def _prose(comment: str) -> str:
    """Convert comment lines to Markdown. A line that shows a literal dict becomes code."""
    lines = [line.removeprefix("#").strip() for line in comment.splitlines()]
    return "\n".join(f"`{line}`" if line.startswith('{"') else line for line in lines)


def _section(section: Section) -> Iterator[str]:
    yield from (f"## {section.title}", "")
    if section.introduction:
        yield from (section.introduction, "")
    for entry in section.entries:
        yield from (f"(setting-{entry.name})=", f"### `{entry.name}`", "", entry.meaning, "")
        kind = describe(annotation(entry.name))
        yield f"- Type: {kind[0].upper()}{kind[1:]}"
        if unit := UNITS.get(entry.name.rpartition("_")[2]):
            yield f"- Unit: {unit}"
        yield from (f"- Default: `{entry.default}`", "")


def annotation(name: str) -> Any:
    """Returns a setting's type. `Settings` lacks those of pyinfra's connector: `_sudo` is a bool, others are str."""
    types = typing.get_type_hints(Settings, include_extras=True)
    return types.get(name, bool if name == "_sudo" else str)


def describe(kind: Any) -> str:
    """Describe a type in words: a checked type by the first line of its check's docstring, or by its limits."""
    arguments, origin = typing.get_args(kind), typing.get_origin(kind)
    if origin is Literal:
        return "one of " + ", ".join(f'"{value}"' for value in arguments)
    if origin is list:
        return f"list of: {describe(arguments[0])}"
    if origin is dict:
        return f"mapping from: {describe(arguments[0])}; to: {describe(arguments[1])}"
    if origin is Annotated:
        return _describe_checked(kind.__metadata__[0])
    return PLAIN.get(kind) or _first_line(kind)


def _describe_checked(check: Any) -> str:
    if hasattr(check, "func"):
        return _first_line(check.func)
    limits = {
        name: getattr(rule, name) for rule in check.metadata for name in ("ge", "le") if hasattr(rule, name)
    }
    return f"whole number, at least {limits['ge']}" + (f", at most {limits['le']}" if "le" in limits else "")


def _first_line(documented: Any) -> str:
    line = str(documented.__doc__).strip().partition("\n")[0].rstrip(".")
    return line if line[1].isupper() or line[1].isdigit() else line[0].lower() + line[1:]
