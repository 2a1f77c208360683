"""A file that Skerry writes to a host."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """A text file with an octal `mode` such as "600". Its group is named like its owner."""

    path: str
    content: str
    mode: str = "644"
    owner: str = "root"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content.encode()).hexdigest()

    @property
    def state(self) -> str:
        """The form in which facts report a file: "mode owner group sha256"."""
        return f"{self.mode} {self.owner} {self.owner} {self.sha256}"
