"""The files of a repository and their YAML documents."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from skerry.fleet.lint.finding import LintFinding
from skerry.model.errors import InputError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SKIPPED_FOLDERS = {".git", ".github", ".gitea", ".forgejo", ".githooks", "node_modules", ".terraform"}
NOT_MANIFESTS = {".sops.yaml", ".skerry.yaml", ".pre-commit-config.yaml", ".gitlab-ci.yml"}
MAX_BYTES = 5_000_000


class _Loader(LOADER):  # type: ignore[valid-type,misc]
    """A safe loader that reads dates as text, as Kubernetes does, and refuses duplicate keys."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen and key.value != "<<":
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} is duplicated", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")
    ]
    for first, resolvers in LOADER.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Document:
    """A YAML document. `value` is a mapping if it is a manifest, and may be anything else in other YAML files."""

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
        """The API group, "" for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def metadata(self) -> dict[str, Any]:
        return self._mapping("metadata")

    @property
    def name(self) -> str:
        return str(self.metadata.get("name") or "")

    @property
    def namespace(self) -> str:
        return str(self.metadata.get("namespace") or "")

    @property
    def spec(self) -> dict[str, Any]:
        return self._mapping("spec")

    def _mapping(self, key: str) -> dict[str, Any]:
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class SourceFile:
    """A file: its path in the repository, its text, and its documents.

    A file that is no manifest has no documents. Neither has invalid YAML or JSON, for which `broken` tells why.
    """

    path: str
    text: str
    documents: list[Document] = field(default_factory=list)
    broken: LintFinding | None = None


def line_of(file: SourceFile, document: Document, word: str) -> int:
    """The first line of the document that contains `word`, else the document's first line."""
    lines = file.text.splitlines()
    for number in range(document.line - 1, len(lines)):
        if word in lines[number]:
            return number + 1
    return document.line


def parse(name: str, text: str) -> list[Document]:
    """The documents in a YAML text, with the items of Lists as documents. Raises InputError with file and line."""
    try:
        loader = _Loader(text)
        values = []
        while loader.check_data():
            values.append(loader.get_data())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or "is nested too deep or holds an impossible value"
        raise InputError(f"{name}:{line}: is not YAML: {problem}; correct it") from None
    lines = _first_lines(text) if len(values) > 1 else [1]
    lines += [lines[-1]] * (len(values) - len(lines))
    return [
        Document(name, line, item)
        for line, value in zip(lines, values, strict=False)
        for item in _items(value)
        if item is not None
    ]


def _first_lines(text: str) -> list[int]:
    """Returns the number of the first line of each document. YAML's markers (---, ...) separate documents."""
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


def _items(value: Any) -> Iterator[Any]:
    """The items of a List, also of nested Lists; any other value itself."""
    if (
        isinstance(value, dict)
        and str(value.get("kind", "")).endswith("List")
        and isinstance(value.get("items"), list)
    ):
        for item in value["items"]:
            yield from _items(item)
    else:
        yield value


def read_repository(root: Path) -> list[SourceFile]:
    """Returns every text file of the repository up to 5 MB, by folder, YAML and JSON parsed. Skips symbolic links."""
    files = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - SKIPPED_FOLDERS)
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_symlink() or path.stat().st_size > MAX_BYTES:
                continue
            try:
                text = path.read_bytes().decode()
            except UnicodeDecodeError:
                continue
            files.append(_source_file(str(path.relative_to(root)), text))
    return files


def _source_file(name: str, text: str) -> SourceFile:
    if not name.endswith((".yaml", ".yml", ".json")) or name in NOT_MANIFESTS:
        return SourceFile(name, text)
    try:
        return SourceFile(name, text, parse(name, text))
    except InputError as error:
        location, _, message = str(error).partition(": ")
        problem, _, remedy = message.rpartition("; ")
        line = int(location.rpartition(":")[2])
        return SourceFile(name, text, [], LintFinding("yaml", name, line, problem, remedy))
