"""Artifacts: fetched or uploaded beside their place, their checksum compared, then renamed."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from pyinfra import host
from pyinfra.api import FileUploadCommand, Host, State, StringCommand
from pyinfra.api.arguments import ConnectorArguments

from deploy.facts.k3s import K3sState
from deploy.facts.snapshot import Snapshot
from deploy.operations import Commands, operation

LOCK = "/run/lock/skerry-artifact"
STALL_SECONDS = 60  # a download may be slower than 1 KiB/s for so long
RETRIES = 3


@dataclass(frozen=True)
class Source:
    """Where a host gets an artifact from, and the checksum it must have.

    `location` is a file on this machine (uploaded) or a URL (fetched by the host itself).
    """

    location: Path | str
    sha256: str

    def __str__(self) -> str:
        return str(self.location)


class Upload(FileUploadCommand):
    """pyinfra takes a lost connection for a failure of this host alone if it is an OSError; SFTP's is not."""

    def execute(self, state: State, host: Host, connector_arguments: ConnectorArguments) -> bool:
        try:
            return bool(super().execute(state, host, connector_arguments))
        except EOFError:
            raise OSError("the connection was lost during the upload; run it again to go on") from None


@operation
def install(
    source: Source, path: str, mode: str, found_sha256: Snapshot[K3sState] | str, stamped: bool = True
) -> Commands:
    """Make the artifact stand at `path`, and if `stamped` its checksum beside it in `<path>.sha256`.

    A host that has it already gets nothing. What does not match its checksum is deleted from the host.
    """
    have = found_sha256 if isinstance(found_sha256, str) else found_sha256().binary
    if have == source.sha256:
        host.noop(f"{path} is in place")
        return
    part = f"{path}.{source.sha256[:12]}.part"
    if isinstance(source.location, Path):
        # Removed first: the SFTP server of a connection that was cut may still have it open, and the kernel
        # runs no file that someone has open for writing.
        yield StringCommand(
            f"umask 022 && mkdir -p {shlex.quote(str(Path(path).parent))} && rm -f {shlex.quote(part)}"
        )
        yield Upload(str(source.location), part)
        yield StringCommand(place_script(part, path, mode, source, ":", stamped))
    else:
        failure = shlex.quote(f"{source} could not be fetched; see artifact_mirror and artifact_delivery")
        fetch = (
            f"{{ curl --fail --silent --show-error --location --retry {RETRIES} --connect-timeout 15 "
            f"--speed-limit 1024 --speed-time {STALL_SECONDS} --output {shlex.quote(part)} "
            f"{shlex.quote(source.location)} || {{ echo {failure} >&2; exit 1; }}; }}"
        )
        yield StringCommand(place_script(part, path, mode, source, fetch, stamped))


def place_script(part: str, path: str, mode: str, source: Source, fetch: str, stamped: bool = True) -> str:
    """Fetch, compare, rename, stamp; whatever goes wrong, the part is removed.

    The lock keeps apart two runs on one host: the shell of a controller that was killed may still be at it.
    The stamp holds checksum, inode, size and change time, so that later runs need not hash the file again.
    """
    part_, path_, stamp = shlex.quote(part), shlex.quote(path), shlex.quote(f"{path}.sha256")
    record = f" && echo \"{source.sha256} $(stat -c '%i %s %Z' {path_})\" > {stamp}" if stamped else ""
    refusal = shlex.quote(f"{source} does not have the checksum {source.sha256}; it was deleted")
    return (
        f"exec 9> {LOCK} && flock --timeout 900 9 || exit 1; "
        f"umask 022 && mkdir -p \"$(dirname {path_})\" && trap 'rm -f '{part_} EXIT && {fetch} && "
        f"if ! echo '{source.sha256}  '{part_} | sha256sum --check --status; then "
        f"echo {refusal} >&2; exit 1; fi && "
        f"chown root:root {part_} && chmod {mode} {part_} && sync {part_} && mv -f {part_} {path_}{record}"
    )
