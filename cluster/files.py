"""A file as wanted on a host."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """Text `content` at `path`, owned by root, with an octal `mode` such as "600"."""

    path: str
    content: str
    mode: str = "644"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content.encode()).hexdigest()

    @property
    def state(self) -> str:
        """As the facts report a file: "mode owner group sha256"."""
        return f"{self.mode} root root {self.sha256}"
