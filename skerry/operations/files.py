"""Operations that write and remove files. A file is never incomplete under its final name."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Protocol

from pyinfra import host
from pyinfra.api import StringCommand

from skerry.facts.batch import BatchedFact
from skerry.model.files import File, write_script
from skerry.operations import Commands, operation


class HasFiles(Protocol):
    """A host's state that includes files: `File.state` by path, without files that do not exist."""

    @property
    def files(self) -> Mapping[str, str]: ...


@operation
def write(file: File, fact: BatchedFact[HasFiles]) -> Commands:
    """Write `file` unless the host has it with this content, owner and mode."""
    if fact.at_start().files.get(file.path) == file.state:
        host.noop(f"{file.path} is as wanted")
        return
    yield write_command(file)


@operation
def write_all(files: Sequence[File], fact: BatchedFact[HasFiles]) -> Commands:
    """Write those of `files` that the host does not have, in their order.

    pyinfra identifies operations by line numbers: a loop of `write` would need the same files on every host.
    """
    outdated = [file for file in files if fact.at_start().files.get(file.path) != file.state]
    if not outdated:
        host.noop("all files are as wanted")
    yield from map(write_command, outdated)


@operation
def remove(path: str, fact: BatchedFact[HasFiles]) -> Commands:
    """Remove `path` if it exists."""
    if path not in fact.at_start().files:
        host.noop(f"{path} does not exist")
        return
    yield StringCommand(f"rm -f {shlex.quote(path)}")


def write_command(file: File) -> StringCommand:
    """Returns the command that writes `file`. The content comes on standard input, so that it is never in argv."""
    return StringCommand(write_script(file), _stdin=file.content)
