"""Files on hosts: what they should contain, and the shell that writes them."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass

TEMPORARY = ".skerry-new"
"""Suffix of a file that is being written. Programs that read *.conf, *.yaml or *.service files skip it."""


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


def write_script(file: File) -> str:
    """Returns shell that writes `file` from its content on standard input, so that the content is never in argv."""
    return write_checked_script(file.path, file.sha256, file.mode, file.owner)


def write_checked_script(path: str, sha256: str, mode: str = "600", owner: str = "root") -> str:
    """Returns shell that writes standard input to a temporary file and renames this to `path` if `sha256` matches."""
    final, temporary = shlex.quote(path), shlex.quote(path + TEMPORARY)
    return (
        f'umask 022 && mkdir -p "$(dirname {final})" && rm -f {temporary} && umask 077 && cat > {temporary} && '
        f"if ! echo '{sha256}  '{temporary} | sha256sum --check --status; then "
        f"rm -f {temporary}; echo {final}' arrived damaged; nothing was changed' >&2; exit 1; fi && "
        f"chown {owner}:{owner} {temporary} && chmod {mode} {temporary} && "
        f"sync {temporary} && mv -f {temporary} {final}"
    )
