"""Checksums of artifacts: publishers' checksum files, and the lock file that later downloads must match."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import yaml

from skerry.model.artifacts import Artifact
from skerry.model.errors import InputError
from skerry.model.yaml_text import dump

LOCK_FILE = "artifacts.lock.yaml"


def parse_checksums(text: str) -> dict[str, str]:
    """Returns the sha256 of each file in the output of `sha256sum`, by file name without folders.

    Raises InputError for a line of any other form (such as a proxy's login page), or for two checksums of one name.
    """
    sums: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = re.fullmatch(r"([0-9a-fA-F]{64})[ \t]+\*?([^*\s].*?)\s*", line)
        if not match:
            raise InputError(
                f"line {number} of the checksum file is not 'sha256  name'; look at what its URL returns"
            )
        name, sha256 = PurePosixPath(match[2]).name, match[1].lower()
        if sums.setdefault(name, sha256) != sha256:
            raise InputError(
                f"line {number} of the checksum file contains another checksum of {name!r}; do not trust it"
            )
    return sums


def published_checksum(artifact: Artifact, text: str) -> str:
    """Returns the artifact's sha256 in its publisher's file. Raises InputError if `text` lacks it or is malformed."""
    sums = parse_checksums(text)
    if artifact.filename not in sums:
        raise InputError(
            f"{artifact.checksums_url} contains no checksum of {artifact.filename}; check the version"
        )
    return sums[artifact.filename]


@dataclass(frozen=True)
class Lock:
    """The checksums in artifacts.lock.yaml, by name, version, architecture and file name."""

    sums: Mapping[tuple[str, ...], str] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> Lock:
        """Returns a lock without checksums, for the first run."""
        return cls()

    @classmethod
    def parse(cls, text: str) -> Lock:
        """Returns the lock in the text of artifacts.lock.yaml. Raises InputError if the text is malformed."""
        try:
            sums = _flatten(yaml.safe_load(text) or {})
        except yaml.YAMLError:
            sums = {(): ""}
        for key, sha256 in sums.items():
            if len(key) != 4 or not re.fullmatch(r"[0-9a-f]{64}", sha256):
                entry = " ".join(key) or "the file"
                raise InputError(f"{LOCK_FILE}: {entry} contains no checksum; restore the file from Git")
        return cls(sums)

    def get(self, artifact: Artifact) -> str | None:
        """Returns the recorded checksum, None if there is none."""
        return self.sums.get(_key(artifact))

    def add(self, artifact: Artifact, sha256: str) -> Lock:
        """Returns the lock with the artifact's checksum added. Raises InputError if it contains a different one."""
        recorded = self.get(artifact)
        if recorded not in (None, sha256):
            raise InputError(
                f"checksum of {' '.join(_key(artifact))} differs from {LOCK_FILE}: was {recorded}, is {sha256}; "
                "if the publisher really replaced the file, remove the entry"
            )
        return Lock({**self.sums, _key(artifact): sha256})

    def render(self) -> str:
        """Returns the file's text. It is sorted, so that one changed checksum is one changed line in Git."""
        tree: dict[str, dict[str, dict[str, dict[str, str]]]] = {}
        for (name, version, arch, filename), sha256 in sorted(self.sums.items()):
            tree.setdefault(name, {}).setdefault(version, {}).setdefault(arch, {})[filename] = sha256
        return dump(tree, "Written by Skerry; commit it: later downloads must match these checksums")


def _key(artifact: Artifact) -> tuple[str, ...]:
    return artifact.name, artifact.version, artifact.arch, artifact.filename


def _flatten(tree: object, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    if not isinstance(tree, dict):
        return {path: str(tree)}
    return {
        leaf: sha for key, value in tree.items() for leaf, sha in _flatten(value, (*path, str(key))).items()
    }
