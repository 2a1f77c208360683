"""A fleet repository as the checks see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skerry.fleet.lint.documents import SourceFile
from skerry.fleet.lint.render import referenced


@dataclass(frozen=True)
class Repository:
    """The files of a fleet repository, and its kustomizations by folder."""

    root: Path
    files: list[SourceFile]
    kustomizations: Mapping[str, SourceFile]

    @property
    def clusters(self) -> list[str]:
        """The folders below clusters/, each of which one cluster follows."""
        names = {
            Path(file.path).parts[1]
            for file in self.files
            if file.path.startswith("clusters/") and file.path.count("/") > 1
        }
        return [f"clusters/{name}" for name in sorted(names)]

    def below(self, folder: str) -> list[SourceFile]:
        """The files in a folder and below it."""
        return [file for file in self.files if folder == "." or file.path.startswith(f"{folder}/")]

    def applied(self, folder: str, seen: frozenset[str] = frozenset()) -> list[SourceFile]:
        """The files that Flux applies with a folder: those that its kustomization includes, else all below it.

        `seen` are the folders on the way here, so that circular references end.
        """
        if folder in seen:
            return []
        if folder not in self.kustomizations:
            return self.below(folder)
        files: list[SourceFile] = []
        for path in referenced(folder, self.kustomizations[folder]):
            files += [file for file in self.files if file.path == path]
            if path in self.kustomizations:
                files += self.applied(path, seen | {folder})
        return files
