"""A host behind one shell, for testinfra: one SSH connection, no process here and no session there for a question."""

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

TOGETHER = 32  # commands whose answers come together
BEGIN = "d=$(mktemp -d) && trap 'rm -rf \"$d\"' EXIT || exit 1\n"


class Shell(BaseBackend):
    """Remembers its answers until it is told to `forget`: a host does not change while it is looked at."""

    NAME = "shell"

    def __init__(self, name: str, ssh_config: str, sudo: bool = False, door: str = "") -> None:
        """`door`: a socket that leads to root's shell there over a connection that is there already."""
        super().__init__(name)
        self._ssh: subprocess.Popen[bytes] | None = None
        if door:
            self._connection = socket.socket(socket.AF_UNIX)
            self._connection.connect(door)
        else:
            self._connection, far = socket.socketpair()
            command = ["ssh", "-F", ssh_config, name, as_root("sh", sudo)]
            self._ssh = subprocess.Popen(command, stdin=far.fileno(), stdout=far.fileno())
            far.close()
        self._said = self._connection.makefile("rb")
        self._waiting: deque[Sequence[str]] = deque()
        self._answers: dict[str, CommandResult] = {}
        self._write(BEGIN)

    def ask(self, commands: Iterable[str]) -> None:
        """Have the host answer these one after the other; does not wait for it."""
        known = {*self._answers, *chain(*self._waiting)}
        new = [each for each in dict.fromkeys(commands) if each not in known]
        for batch in (new[start : start + TOGETHER] for start in range(0, len(new), TOGETHER)):
            self._waiting.append(batch)
            self._write(_script(batch))

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Raises RuntimeError when the connection is lost."""
        whole = self.get_command(command, *args)
        self.ask([whole])
        while whole not in self._answers:
            self._read()
        return self._answers[whole]

    def forget(self) -> None:
        """The host may have changed."""
        while self._waiting:
            self._read()
        self._answers.clear()

    def close(self) -> None:
        """End the shell, whatever has not been answered."""
        self._said.close()
        self._connection.close()
        if self._ssh:
            self._ssh.kill()
            self._ssh.wait()

    def get_encoding(self) -> str:
        return "utf-8"

    def _write(self, text: str) -> None:
        try:
            self._connection.sendall(text.encode())
        except OSError:
            raise RuntimeError(f"{self.hostname}: the connection was lost") from None

    def _read(self) -> None:
        """What the next batch of commands said."""
        batch = self._waiting.popleft()
        codes = self._line().split()
        sizes = [int(self._line()) for _ in range(2 * len(batch))]
        said = [self._said.read(size) for size in sizes]
        for command, code, stdout, stderr in zip(batch, codes, said[::2], said[1::2], strict=True):
            self._answers[command] = self.result(int(code), command.encode(), stdout, stderr)

    def _line(self) -> bytes:
        if not (line := self._said.readline()):
            raise RuntimeError(f"{self.hostname}: the connection was lost")
        return line


def _script(batch: Sequence[str]) -> str:
    """Runs them; then their exit codes on one line, the size of each one's output and errors, and those."""
    runs = [
        f'(eval {shlex.quote(command)}) < /dev/null > "$d/{place}o" 2> "$d/{place}e"; codes="$codes $?"\n'
        for place, command in enumerate(batch)
    ]
    files = " ".join(f'"$d/{place}{kind}"' for place in range(len(batch)) for kind in "oe")
    return f"codes=\n{''.join(runs)}echo $codes; stat -c %s {files}; cat {files}\n"
