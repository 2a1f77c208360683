"""testinfra backend: all commands go through one shell over one SSH connection, up to 32 in one round trip."""

from __future__ import annotations

import shlex
import socket
import subprocess
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult

from skerry.model.root_shell import as_root

BATCH_SIZE = 32
BEGIN = "d=$(mktemp -d) && trap 'rm -rf \"$d\"' EXIT || exit 1\n"


class Shell(BaseBackend):
    """Caches each command's result until `clear_cache`: a host does not change while it is checked."""

    NAME = "shell"

    def __init__(self, name: str, ssh_config: str, sudo: bool = False) -> None:
        super().__init__(name)
        self._connection, remote_end = socket.socketpair()
        command = ["ssh", "-F", ssh_config, name, as_root("sh", sudo)]
        self._ssh = subprocess.Popen(command, stdin=remote_end.fileno(), stdout=remote_end.fileno())
        remote_end.close()
        self._output = self._connection.makefile("rb")
        self._pending: deque[Sequence[str]] = deque()
        self._results: dict[str, CommandResult] = {}
        self._write(BEGIN)

    def submit(self, commands: Iterable[str]) -> None:
        """Send these commands, which the host runs one after the other, and do not wait for their results."""
        known = {*self._results, *chain(*self._pending)}
        new = [command for command in dict.fromkeys(commands) if command not in known]
        for batch in (new[start : start + BATCH_SIZE] for start in range(0, len(new), BATCH_SIZE)):
            self._pending.append(batch)
            self._write(_script(batch))

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Returns the command's result, which may be cached. Raises RuntimeError if the connection is lost."""
        command = self.get_command(command, *args)
        self.submit([command])
        while command not in self._results:
            self._read_batch()
        return self._results[command]

    def clear_cache(self) -> None:
        """Drop all results, because the host may have changed."""
        while self._pending:
            self._read_batch()
        self._results.clear()

    def close(self) -> None:
        """End the shell, even if results are pending."""
        self._output.close()
        self._connection.close()
        self._ssh.kill()
        self._ssh.wait()

    def get_encoding(self) -> str:
        return "utf-8"

    def _write(self, text: str) -> None:
        try:
            self._connection.sendall(text.encode())
        except OSError:
            raise RuntimeError(f"{self.hostname}: the connection was lost") from None

    def _read_batch(self) -> None:
        """Read the results of the oldest pending batch, in the format of `_script`."""
        batch = self._pending.popleft()
        codes = self._read_line().split()
        sizes = [int(self._read_line()) for _ in range(2 * len(batch))]
        texts = [self._output.read(size) for size in sizes]
        for command, code, stdout, stderr in zip(batch, codes, texts[::2], texts[1::2], strict=True):
            self._results[command] = self.result(int(code), command.encode(), stdout, stderr)

    def _read_line(self) -> bytes:
        if not (line := self._output.readline()):
            raise RuntimeError(f"{self.hostname}: the connection was lost")
        return line


def _script(batch: Sequence[str]) -> str:
    """Returns a script that runs the commands, then prints exit codes on one line, output sizes, outputs."""
    runs = [
        f'(eval {shlex.quote(command)}) < /dev/null > "$d/{number}o" 2> "$d/{number}e"; codes="$codes $?"\n'
        for number, command in enumerate(batch)
    ]
    files = " ".join(f'"$d/{number}{kind}"' for number in range(len(batch)) for kind in "oe")
    return f"codes=\n{''.join(runs)}echo $codes; stat -c %s {files}; cat {files}\n"
