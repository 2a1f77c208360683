"""Files that never stand half-written under their final name."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Protocol

from pyinfra import host
from pyinfra.api import StringCommand

from skerry.model.files import File
from skerry.operations import Commands, operation

TEMPORARY = (
    ".skerry-new"  # suffix of the file being written; no reader of *.conf, *.yaml or *.service takes it
)


class WithFiles(Protocol):
    """What was read of a host, the states of files by path among it; a file that does not exist is absent."""

    @property
    def files(self) -> Mapping[str, str]: ...


@operation
def write(file: File, found: Callable[[], WithFiles]) -> Commands:
    """Make `file` stand on the host: written beside its place, its checksum compared, then renamed."""
    if found().files.get(file.path) == file.state:
        host.noop(f"{file.path} is as wanted")
        return
    yield StringCommand(write_script(file), _stdin=file.content)


@operation
def remove(path: str, found: Callable[[], WithFiles]) -> Commands:
    """Make `path` not exist."""
    if path not in found().files:
        host.noop(f"{path} does not exist")
        return
    yield StringCommand(f"rm -f {shlex.quote(path)}")


def write_script(file: File) -> str:
    """The shell command that takes the content on standard input, so that it never stands in argv."""
    return place_script(file.path, file.sha256, file.mode, file.owner)


def place_script(place: str, sha256: str, mode: str = "600", owner: str = "root") -> str:
    """As `write_script`, for content of which only the checksum is known."""
    path, temporary = shlex.quote(place), shlex.quote(place + TEMPORARY)
    return (
        f'umask 022 && mkdir -p "$(dirname {path})" && rm -f {temporary} && umask 077 && cat > {temporary} && '
        f"if ! echo '{sha256}  '{temporary} | sha256sum --check --status; then "
        f"rm -f {temporary}; echo {path}' arrived damaged; nothing was changed' >&2; exit 1; fi && "
        f"chown {owner}:{owner} {temporary} && chmod {mode} {temporary} && "
        f"sync {temporary} && mv -f {temporary} {path}"
    )
