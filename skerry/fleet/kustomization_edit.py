"""Add an entry to `resources` of a kustomization.yaml, and leave every other byte as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from skerry.local.files import replace
from skerry.model.errors import InputError


def list_resource(path: Path, name: str) -> None:
    """Write `name` into the kustomization's resources unless it is there. Raises InputError as `with_resource`."""
    text = with_resource(path, name)
    if text != path.read_text():
        replace(path, text)


def with_resource(path: Path, name: str) -> str:
    """Returns the kustomization's text with `name` in its resources; the same text if it is there already.

    Raises InputError if the file is not a kustomization, or its list is written in a form that Skerry does not edit.
    """
    remedy = f"add {name!r} to resources in {path} yourself, after correcting it"
    try:
        text = path.read_text()
        before = yaml.safe_load(text)
        listed = before.get("resources") or []
        after = {**before, "resources": [*listed, name]}
    except (OSError, yaml.YAMLError, TypeError, AttributeError):
        raise InputError(f"{path}: cannot be read as a kustomization; {remedy}") from None
    if name in listed:
        return text
    for candidate in _candidates(text, name):
        try:
            if yaml.safe_load(candidate) == after:
                return candidate
        except yaml.YAMLError:
            continue
    raise InputError(f"{path}: resources is written in a form that Skerry does not edit; {remedy}")


def _candidates(text: str, name: str) -> Iterator[str]:
    """Yield possible edits: the entry in an empty list, then after each list item from the last to the first."""
    yield text.replace("resources: []\n", f"resources:\n  - {name}\n", 1)
    lines = text.splitlines(keepends=True)
    for number in range(len(lines), 0, -1):
        previous = lines[number - 1]
        if previous.lstrip().startswith("- "):
            indent = previous[: len(previous) - len(previous.lstrip())]
            ended = previous if previous.endswith("\n") else f"{previous}\n"
            yield "".join([*lines[: number - 1], ended, f"{indent}- {name}\n", *lines[number:]])
