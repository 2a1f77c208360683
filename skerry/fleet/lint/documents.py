"""The YAML of a repository, parsed: every document with its file and the line it begins on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from skerry.model.errors import InputError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SKIPPED_FOLDERS = {".git", ".github", ".gitea", ".forgejo", ".githooks", "node_modules", ".terraform"}
NOT_MANIFESTS = {".sops.yaml", ".skerry.yaml", ".pre-commit-config.yaml", ".gitlab-ci.yml"}
LARGEST_BYTES = 5_000_000


class _Loader(LOADER):  # type: ignore[valid-type,misc]
    """Safe; dates stay text, as Kubernetes reads them; a key that stands twice is a mistake, never a choice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen and key.value != "<<":
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} stands twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [
        each
        for each in resolvers
        if each[0] not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")
    ]
    for first, resolvers in LOADER.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Finding:
    """Something wrong: the rule, where ("apps/x.yaml", line), what it is, and how to mend it."""

    rule: str
    file: str
    line: int
    problem: str
    remedy: str
    level: str = "error"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}; {self.remedy}"


@dataclass(frozen=True)
class Document:
    """One YAML document. `value` is a mapping for a manifest, anything for other YAML."""

    file: str
    line: int
    value: Any

    @property
    def kind(self) -> str:
        return str(self.value.get("kind") or "") if isinstance(self.value, dict) else ""

    @property
    def api_version(self) -> str:
        return str(self.value.get("apiVersion") or "") if isinstance(self.value, dict) else ""

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def metadata(self) -> dict[str, Any]:
        found = self.value.get("metadata") if isinstance(self.value, dict) else None
        return found if isinstance(found, dict) else {}

    @property
    def name(self) -> str:
        return str(self.metadata.get("name") or "")

    @property
    def namespace(self) -> str:
        return str(self.metadata.get("namespace") or "")

    @property
    def spec(self) -> dict[str, Any]:
        found = self.value.get("spec") if isinstance(self.value, dict) else None
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Source:
    """A file of the repository: its path in it, its text, and its documents (none if it is not YAML)."""

    path: str
    text: str
    documents: list[Document] = field(default_factory=list)
    broken: Finding | None = None


def line_of(source: Source, document: Document, word: str) -> int:
    """The line that holds `word` in the document, as far as the text shows it; else the document's first."""
    lines = source.text.splitlines()
    for number in range(document.line - 1, len(lines)):
        if word in lines[number]:
            return number + 1
    return document.line


def parse(name: str, text: str) -> list[Document]:
    """The documents in a YAML text, Lists unfolded. Raises InputError with file and line."""
    try:
        loader = _Loader(text)
        values = []
        while loader.check_data():
            values.append(loader.get_data())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = mark.line + 1 if mark else 1
        what = getattr(error, "problem", None) or "is nested too deep or holds an impossible value"
        raise InputError(f"{name}:{line}: is not YAML: {what}; mend it") from None
    lines = _starts(text) if len(values) > 1 else [1]
    lines += [lines[-1]] * (len(values) - len(lines))
    return [
        Document(name, line, each)
        for line, value in zip(lines, values, strict=False)
        for each in _unfold(value)
        if each is not None
    ]


def _starts(text: str) -> list[int]:
    """The line each document begins on; YAML's own markers decide, as the values were parsed by them."""
    starts: list[int] = []
    fresh = True
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(r"---(\s|$)", line):
            starts, fresh = [*starts, number + 1], False
        elif fresh and line.strip() and not line.lstrip().startswith(("#", "%")):
            starts, fresh = [*starts, number], False
        elif re.match(r"\.\.\.(\s|$)", line):
            fresh = True
    return starts


def _unfold(value: Any) -> Iterator[Any]:
    """A List's items one by one, Lists in Lists included."""
    if (
        isinstance(value, dict)
        and str(value.get("kind", "")).endswith("List")
        and isinstance(value.get("items"), list)
    ):
        for item in value["items"]:
            yield from _unfold(item)
    else:
        yield value


def read_repository(root: Path) -> list[Source]:
    """Every text file of the repository, YAML and JSON parsed. A broken one says so instead of raising."""
    sources = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(set(folders) - SKIPPED_FOLDERS)
        for name in sorted(files):
            path = Path(folder, name)
            if path.is_symlink() or path.stat().st_size > LARGEST_BYTES:
                continue
            try:
                text = path.read_bytes().decode()
            except UnicodeDecodeError:
                continue
            sources.append(_source(str(path.relative_to(root)), text))
    return sources


def _source(name: str, text: str) -> Source:
    if not name.endswith((".yaml", ".yml", ".json")) or name in NOT_MANIFESTS:
        return Source(name, text)
    try:
        return Source(name, text, parse(name, text))
    except InputError as error:
        place, _, problem = str(error).partition(": ")
        what, _, remedy = problem.rpartition("; ")
        return Source(name, text, [], Finding("yaml", name, int(place.rpartition(":")[2]), what, remedy))
