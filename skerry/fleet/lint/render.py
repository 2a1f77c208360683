"""What kustomize makes of the repository's folders, by the real kustomize."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from skerry.fleet.lint.documents import Document, Finding, Source, parse
from skerry.local import tools
from skerry.model.errors import InputError

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
TIMEOUT_SECONDS = 120


@dataclass
class Rendered:
    """The documents a folder renders to, or what is wrong with it."""

    folder: str
    documents: list[Document] = field(default_factory=list)
    problem: Finding | None = None


def kustomizations(sources: list[Source]) -> dict[str, Source]:
    """Every folder with a kustomization, by its path in the repository."""
    return {
        str(Path(source.path).parent): source
        for source in sources
        if Path(source.path).name in NAMES and source.documents
    }


def overlays(found: Mapping[str, Source]) -> list[str]:
    """The folders to render: those no other kustomization takes in; the rest is rendered as part of them."""
    taken = {each for folder, source in found.items() for each in referenced(folder, source)}
    components = {folder for folder, source in found.items() if source.documents[0].kind == "Component"}
    return sorted(folder for folder in found if folder not in taken | components)


def referenced(folder: str, source: Source) -> list[str]:
    """The paths in the repository that a kustomization takes in: folders and files."""
    value = source.documents[0].value
    parts = (
        [value.get(part) for part in ("resources", "bases", "components")] if isinstance(value, dict) else []
    )
    entries = [entry for part in parts if isinstance(part, list) for entry in part]
    return [below(folder, entry) for entry in entries if isinstance(entry, str)]


def below(folder: str, entry: str) -> str:
    """The path in the repository of what a kustomization in `folder` calls `entry`."""
    return os.path.normpath(f"{folder}/{entry}")


def is_remote(entry: str) -> bool:
    """Whether a resource is fetched from elsewhere: a URL or another repository."""
    return bool(re.match(r"[a-z+]+://|git@|github\.com/", entry)) or "?ref=" in entry


def render(root: Path, folders: list[str]) -> list[Rendered]:
    """Render each folder, a few at once. Raises InputError when no kustomize can be had."""
    command = tools.kustomize()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 2)) as pool:
        return list(pool.map(lambda folder: _render(root, folder, command), folders))


def _render(root: Path, folder: str, command: tuple[str, ...]) -> Rendered:
    arguments = [*command, "--load-restrictor=LoadRestrictionsNone", folder]
    environment = {**os.environ, "KUBECONFIG": "/dev/null"}
    done = subprocess.run(
        arguments,
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    file = f"{folder}/kustomization.yaml"
    if done.returncode:
        why = " ".join(done.stderr.split()).replace(f"{root.resolve()}/", "")
        return Rendered(
            folder,
            [],
            Finding("render", file, 1, f"does not render: {why[-300:].removeprefix('error: ')}", "mend it"),
        )
    try:
        return Rendered(folder, parse(file, done.stdout))
    except InputError as error:
        return Rendered(
            folder, [], Finding("render", file, 1, f"renders to what is no YAML: {error}", "mend it")
        )
