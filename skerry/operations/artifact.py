"""Artifacts: fetched or uploaded beside their place, their checksum compared, then renamed."""

from __future__ import annotations

import hashlib
import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol, runtime_checkable

from pyinfra import host
from pyinfra.api import Host, State, StringCommand
from pyinfra.api.arguments import ConnectorArguments
from pyinfra.api.command import PyinfraCommand

from skerry.local.files import BLOCK, digest
from skerry.model.k3s.paths import checksum_file as stamp_of
from skerry.model.root_shell import root_shell
from skerry.operations import Commands, operation

LOCK = "exec 9> /run/lock/skerry-artifact && flock --timeout 900 9"
STALL_SECONDS = 60  # a download may be slower than 1 KiB/s for so long
RETRIES = 3


@runtime_checkable
class Watcher(Protocol):
    """What of pyinfra's callback handlers is told the share of a file that a host has been sent, 0 to 1."""

    def uploaded(self, host: Host, share: float) -> None: ...


@dataclass(frozen=True)
class Source:
    """Where a host gets an artifact from, and the checksum it must have.

    `location` is a file on this machine (uploaded) or a URL (fetched by the host itself).
    """

    location: Path | str
    sha256: str

    def __str__(self) -> str:
        return str(self.location)


@dataclass(frozen=True)
class Place:
    """Where an artifact stands on a host, and its mode."""

    path: str
    mode: str

    def part(self, source: Source) -> str:
        """Where it stands until it is whole."""
        return f"{self.path}.{source.sha256[:12]}.part"


class Upload(PyinfraCommand):
    """A stream to a shell on the host, which says first what it has of it already: it goes on from there.

    pyinfra's own upload is SFTP's, at half the speed, and begins anew each time.
    """

    def __init__(self, src: Path, dest: str, script: str) -> None:
        super().__init__()
        self.src, self.dest, self.script = src, dest, script

    def __repr__(self) -> str:
        return f"Upload({self.src}, {self.dest})"

    def execute(self, state: State, host: Host, connector_arguments: ConnectorArguments) -> bool:
        """Whether the script was content. Raises OSError when the connection is lost, of which pyinfra knows."""
        client: Any = host.connector.client  # type: ignore[attr-defined]
        try:
            # not client.exec_command, whose stdin speaks once more when it is deleted, which nobody could catch
            channel = client.get_transport().open_session()
            channel.exec_command(root_shell(self.script, bool(host.data.get("_sudo"))))
            self._send(channel, partial(_tell, state, host))
            code = channel.recv_exit_status()
        except EOFError:
            code = -1
        if code == -1:
            raise OSError("the connection was lost during the upload; run it again to go on")
        if code:
            print(
                f"{host.name}: {str(channel.makefile_stderr('rb').read(), 'utf-8').strip()}", file=sys.stderr
            )
        return bool(code == 0)

    def _send(self, channel: Any, tell: Callable[[float], object]) -> None:
        said = channel.makefile("r").readline().split()
        if not said:
            return  # it has ended, and says why
        with self.src.open("rb") as file, suppress(OSError):  # likewise, unless the connection is lost
            size, offset = self.src.stat().st_size, resumable(file, int(said[0]), said[1])
            channel.sendall(f"{offset}\n".encode())
            file.seek(offset)
            while block := file.read(BLOCK):
                channel.sendall(block)
                tell(file.tell() / size)
        with suppress(OSError):
            channel.shutdown_write()


def _tell(state: State, host: Host, share: float) -> None:
    for each in state.callback_handlers:
        if isinstance(each, Watcher):
            each.uploaded(host, share)


def resumable(file: IO[bytes], size: int, sha256: str) -> int:
    """How many bytes of a file need not be sent to who has `size` of some with this checksum: those, or none."""
    digest, left = hashlib.sha256(), size
    while left and (block := file.read(min(left, BLOCK))):
        digest.update(block)
        left -= len(block)
    return size if not left and digest.hexdigest() == sha256 else 0


@operation
def install(source: Source | None, place: Place, found_sha256: Callable[[], str]) -> Commands:
    """Make the artifact stand at its place, and its checksum in the checksum_file. None: it comes from elsewhere.

    A host that has it already gets nothing. What does not match its checksum is deleted from the host.
    """
    if source is None or found_sha256() == source.sha256:
        host.noop(f"{place.path} is in place")
        return
    part = place.part(source)
    if isinstance(source.location, Path):
        insist_on_checksum(source.location, source.sha256)
        yield Upload(source.location, part, receive_script(source, place, source.location.stat().st_size))
    else:
        failure = f"{source} could not be fetched; see artifact_mirror, artifact_delivery and artifact_relay"
        fetch = (
            f"{{ curl --fail --silent --show-error --location --retry {RETRIES} --connect-timeout 15 "
            f"--speed-limit 1024 --speed-time {STALL_SECONDS} --output {shlex.quote(part)} "
            f"{shlex.quote(source.location)} || {{ echo {shlex.quote(failure)} >&2; exit 1; }}; }}"
        )
        yield StringCommand(fetch_script(source, place, fetch))


def insist_on_checksum(path: Path, sha256: str) -> None:
    """Raises BadInput for a damaged file, before any change: when operations are looked at."""
    from skerry.phases.host_spec import (
        BadInput,  # with it comes pyinfra's event loop, which tasks must not have
    )

    if digest(path) != sha256:
        raise BadInput(
            f"{path} does not have the checksum {sha256}; delete it and run `invoke artifacts-fetch`"
        )


def fetch_script(source: Source, place: Place, fetch: str) -> str:
    """Fetch, compare, rename, checksum_file; whatever goes wrong, the part is removed.

    The lock keeps apart two runs on one host: the shell of a controller that was killed may still be at it.
    """
    part = shlex.quote(place.part(source))
    return (
        f"{LOCK} && umask 022 && mkdir -p \"$(dirname {part})\" && trap 'rm -f '{part} EXIT && "
        f"{fetch} && {_settle_script(source, place)}"
    )


def receive_script(source: Source, place: Place, size: int) -> str:
    """Say how much of the part is here and its checksum, be told from where it goes on, take the rest; then as above.

    What was cut stays for the next run, which goes on with a copy: the shell of a connection that was cut may still
    have the file open, and the kernel runs none that someone has open for writing.
    """
    part = shlex.quote(place.part(source))
    cut = shlex.quote(f"{place.path} did not arrive whole; run it again to go on")
    return (
        f'umask 022 && mkdir -p "$(dirname {part})" && touch {part} && '
        f'echo "$(stat -c %s {part}) $(sha256sum < {part})" && read -r offset && '
        f'{LOCK} && head -c "$offset" {part} > {part}.new && mv -f {part}.new {part} && flock --unlock 9 && '
        f"cat >> {part} && {LOCK} && "
        f'if [ "$(stat -c %s {part})" -lt {size} ]; then echo {cut} >&2; exit 1; fi && '
        f"{_settle_script(source, place)}"
    )


def _settle_script(source: Source, place: Place) -> str:
    """The checksum file holds checksum, inode, size and change time, so that later runs do not hash the file again."""
    part, path, checksum_file = map(shlex.quote, (place.part(source), place.path, stamp_of(place.path)))
    refusal = shlex.quote(f"{source} does not have the checksum {source.sha256}; it was deleted")
    return (
        f"if ! echo '{source.sha256}  '{part} | sha256sum --check --status; then "
        f"rm -f {part}; echo {refusal} >&2; exit 1; fi && "
        f"chown root:root {part} && chmod {place.mode} {part} && sync {part} && mv -f {part} {path} && "
        f"echo \"{source.sha256} $(stat -c '%i %s %Z' {path})\" > {checksum_file}"
    )
