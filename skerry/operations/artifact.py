"""Install artifacts: download or upload to a file beside the final path, compare the checksum, rename."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from pyinfra import host
from pyinfra.api import StringCommand

from skerry.local.files import digest
from skerry.model.artifacts import ArtifactSource, Destination
from skerry.model.k3s.paths import checksum_file
from skerry.operations import Commands, operation
from skerry.operations.errors import BadInput
from skerry.operations.upload import Upload

# Held while a part is downloaded, copied or installed: the shell of a killed run may still be at work on the host.
# Not held while an upload arrives: that shell may wait for input for a long time.
LOCK = "exec 9> /run/lock/skerry-artifact && flock --timeout 900 9"
# curl gives up when a download stays below 1 KiB/s for this long.
STALL_SECONDS = 60
RETRIES = 3


@operation
def install(
    source: ArtifactSource | None, destination: Destination, found_sha256: Callable[[], str]
) -> Commands:
    """Install the artifact and write its checksum file, unless the host has the artifact already.

    `source` is None if another operation installs it. `found_sha256` returns the checksum of the host's artifact.
    A downloaded or uploaded file with another checksum than the source's is deleted.
    """
    if source is None or found_sha256() == source.sha256:
        host.noop(f"{destination.path} is in place")
        return
    if isinstance(source.location, Path):
        require_checksum(source.location, source.sha256)
        script = receive_script(source, destination, source.location.stat().st_size)
        yield Upload(source.location, destination.part(source), script)
    else:
        yield StringCommand(fetch_script(source, destination, _curl(source, destination)))


def require_checksum(path: Path, sha256: str) -> None:
    """Raises BadInput if a file is damaged. Operations are evaluated before any change, so no host is changed then."""
    if digest(path) != sha256:
        raise BadInput(
            f"{path} does not have the checksum {sha256}; delete it and run `invoke artifacts-fetch`"
        )


def _curl(source: ArtifactSource, destination: Destination) -> str:
    part, url = shlex.quote(destination.part(source)), shlex.quote(str(source))
    failure = f"{source} could not be fetched; see artifact_mirror, artifact_delivery and artifact_relay"
    return (
        f"{{ curl --fail --silent --show-error --location --retry {RETRIES} --connect-timeout 15 "
        f"--speed-limit 1024 --speed-time {STALL_SECONDS} --output {part} {url} || "
        f"{{ echo {shlex.quote(failure)} >&2; exit 1; }}; }}"
    )


def fetch_script(source: ArtifactSource, destination: Destination, fetch: str) -> str:
    """Returns shell that runs `fetch`, which writes the part, and installs the part, or removes it on any failure."""
    part = shlex.quote(destination.part(source))
    return (
        f"{LOCK} && umask 022 && mkdir -p \"$(dirname {part})\" && trap 'rm -f '{part} EXIT && "
        f"{fetch} && {_install_script(source, destination)}"
    )


def receive_script(source: ArtifactSource, destination: Destination, size: int) -> str:
    """Returns shell that prints the part's size and checksum, reads the offset, appends its input, installs the part.

    A part that was cut off stays, so that the next run can append to a copy of it. Why a copy: the shell of the lost
    connection may still have the part open, and the kernel does not execute a file that is open for writing.
    """
    part = shlex.quote(destination.part(source))
    incomplete = shlex.quote(f"{destination.path} did not arrive completely; run it again to go on")
    return (
        f'umask 022 && mkdir -p "$(dirname {part})" && touch {part} && '
        f'echo "$(stat -c %s {part}) $(sha256sum < {part})" && read -r offset && '
        f'{LOCK} && head -c "$offset" {part} > {part}.new && mv -f {part}.new {part} && flock --unlock 9 && '
        f"cat >> {part} && {LOCK} && "
        f'if [ "$(stat -c %s {part})" -lt {size} ]; then echo {incomplete} >&2; exit 1; fi && '
        f"{_install_script(source, destination)}"
    )


def _install_script(source: ArtifactSource, destination: Destination) -> str:
    """Returns shell that compares the part's checksum, sets owner and mode, renames, and writes the checksum file.

    The checksum file also holds inode, size and change time. While they match, a fact need not hash the artifact.
    """
    part, path = shlex.quote(destination.part(source)), shlex.quote(destination.path)
    refusal = shlex.quote(f"{source} does not have the checksum {source.sha256}; it was deleted")
    return (
        f"if ! echo '{source.sha256}  '{part} | sha256sum --check --status; then "
        f"rm -f {part}; echo {refusal} >&2; exit 1; fi && "
        f"chown root:root {part} && chmod {destination.mode} {part} && sync {part} && mv -f {part} {path} && "
        f"echo \"{source.sha256} $(stat -c '%i %s %Z' {path})\" > {shlex.quote(checksum_file(destination.path))}"
    )
