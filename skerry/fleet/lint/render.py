"""Render the repository's folders with kustomize."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from skerry.fleet.lint.documents import Document, SourceFile, parse
from skerry.fleet.lint.finding import LintFinding
from skerry.local.kustomize import kustomize
from skerry.model.errors import InputError

KUSTOMIZATION_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
TIMEOUT_SECONDS = 120


@dataclass
class Rendered:
    """The documents that a folder renders to, or the finding that says why it does not."""

    folder: str
    documents: list[Document] = field(default_factory=list)
    problem: LintFinding | None = None


def find_kustomizations(files: list[SourceFile]) -> dict[str, SourceFile]:
    """The kustomization of each folder that has one, by the folder's path in the repository."""
    return {
        str(Path(file.path).parent): file
        for file in files
        if Path(file.path).name in KUSTOMIZATION_NAMES and file.documents
    }


def overlays(kustomizations: Mapping[str, SourceFile]) -> list[str]:
    """Returns the folders to render: no components, and none that another kustomization includes and so renders."""
    included = {path for folder, file in kustomizations.items() for path in referenced(folder, file)}
    components = {folder for folder, file in kustomizations.items() if file.documents[0].kind == "Component"}
    return sorted(folder for folder in kustomizations if folder not in included | components)


def referenced(folder: str, file: SourceFile) -> list[str]:
    """The paths in the repository that the kustomization of `folder` includes: folders and files."""
    value = file.documents[0].value
    parts = (
        [value.get(part) for part in ("resources", "bases", "components")] if isinstance(value, dict) else []
    )
    entries = [entry for part in parts if isinstance(part, list) for entry in part]
    return [below(folder, entry) for entry in entries if isinstance(entry, str)]


def below(folder: str, entry: str) -> str:
    """The path in the repository of an entry in the kustomization of `folder`."""
    return os.path.normpath(f"{folder}/{entry}")


def is_remote(entry: str) -> bool:
    """Whether a resource is a URL or comes from another repository."""
    return bool(re.match(r"[a-z+]+://|git@|github\.com/", entry)) or "?ref=" in entry


def render(root: Path, folders: list[str]) -> list[Rendered]:
    """Render folders concurrently. Raises InputError if there is no kustomize."""
    command = kustomize()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 2)) as pool:
        return list(pool.map(lambda folder: _render(root, folder, command), folders))


def _render(root: Path, folder: str, command: tuple[str, ...]) -> Rendered:
    done = subprocess.run(
        [*command, "--load-restrictor=LoadRestrictionsNone", folder],
        cwd=root,
        env={**os.environ, "KUBECONFIG": "/dev/null"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    file = f"{folder}/kustomization.yaml"
    if done.returncode:
        cause = " ".join(done.stderr.split()).replace(f"{root.resolve()}/", "")
        problem = f"does not render: {cause[-300:].removeprefix('error: ')}"
        return Rendered(folder, [], LintFinding("render", file, 1, problem, "correct it"))
    try:
        return Rendered(folder, parse(file, done.stdout))
    except InputError as error:
        problem = f"renders to invalid YAML: {error}"
        return Rendered(folder, [], LintFinding("render", file, 1, problem, "correct it"))
