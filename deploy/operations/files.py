"""Files that never stand half-written under their final name."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from pyinfra import host
from pyinfra.api import StringCommand

from cluster.files import File
from deploy.operations import Commands, operation

TEMPORARY = (
    ".skerry-new"  # suffix of the file being written; no reader of *.conf, *.yaml or *.service takes it
)


Files = Callable[[], Mapping[str, str]]
"""The states of a host's files by path; a file that does not exist is absent."""


@operation
def write(file: File, found: Files) -> Commands:
    """Make `file` stand on the host: written beside its place, its checksum compared, then renamed."""
    if found().get(file.path) == file.state:
        host.noop(f"{file.path} is as wanted")
        return
    yield StringCommand(write_script(file), _stdin=file.content)


@operation
def remove(path: str, found: Files) -> Commands:
    """Make `path` not exist."""
    if path not in found():
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
