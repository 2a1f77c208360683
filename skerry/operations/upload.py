"""Resumable uploads over SSH. pyinfra's own upload uses SFTP, at half the speed, and always starts anew."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol, runtime_checkable

from pyinfra.api import Host, State
from pyinfra.api.arguments import ConnectorArguments
from pyinfra.api.command import PyinfraCommand

from skerry.local.console import report
from skerry.local.files import BLOCK
from skerry.model.root_shell import root_shell


@runtime_checkable
class UploadWatcher(Protocol):
    """A pyinfra callback handler that receives upload progress, from 0 to 1."""

    def uploaded(self, host: Host, share: float) -> None: ...


class Upload(PyinfraCommand):
    """Sends a file to the standard input of a script on the host.

    The script (`receive_script` in artifact.py) first prints the size and checksum of the part on the host, and then
    reads the offset at which the upload resumes. `dest` only describes the upload in pyinfra's output.
    """

    def __init__(self, src: Path, dest: str, script: str) -> None:
        super().__init__()
        self.src, self.dest, self.script = src, dest, script

    def __repr__(self) -> str:
        return f"Upload({self.src}, {self.dest})"

    def execute(self, state: State, host: Host, connector_arguments: ConnectorArguments) -> bool:
        """Send the file to the script. Returns whether the script succeeded. Raises OSError on a lost connection."""
        client: Any = host.connector.client  # type: ignore[attr-defined]
        try:
            # Not client.exec_command(): its stdin writes again in __del__, where the error cannot be caught.
            channel = client.get_transport().open_session()
            channel.exec_command(root_shell(self.script, bool(host.data.get("_sudo"))))
            self._send(channel, partial(_report, state, host))
            code = channel.recv_exit_status()
        except EOFError:
            code = -1
        if code == -1:
            raise OSError("the connection was lost during the upload; run it again to go on")
        if code:
            stderr = str(channel.makefile_stderr("rb").read(), "utf-8").strip()
            report(f"{host.name}: {stderr}")
        return bool(code == 0)

    def _send(self, channel: Any, report: Callable[[float], object]) -> None:
        """Send the file. Errors of sending are ignored: if the script ends early, its exit code and errors say why."""
        size_and_checksum = channel.makefile("r").readline().split()
        if not size_and_checksum:
            return
        remote_size, remote_sha256 = int(size_and_checksum[0]), size_and_checksum[1]
        with self.src.open("rb") as file, suppress(OSError):
            size, offset = self.src.stat().st_size, resume_offset(file, remote_size, remote_sha256)
            channel.sendall(f"{offset}\n".encode())
            file.seek(offset)
            while block := file.read(BLOCK):
                channel.sendall(block)
                report(file.tell() / size)
        with suppress(OSError):
            channel.shutdown_write()


def _report(state: State, host: Host, share: float) -> None:
    for handler in state.callback_handlers:
        if isinstance(handler, UploadWatcher):
            handler.uploaded(host, share)


def resume_offset(file: IO[bytes], size: int, sha256: str) -> int:
    """Returns `size` if the file's first `size` bytes have this checksum, else 0."""
    checksum, remaining = hashlib.sha256(), size
    while remaining and (block := file.read(min(remaining, BLOCK))):
        checksum.update(block)
        remaining -= len(block)
    return size if not remaining and checksum.hexdigest() == sha256 else 0
