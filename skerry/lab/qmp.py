"""Commands for a running qemu over its control socket (QEMU Machine Protocol)."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from skerry.lab.host import LabError


def execute(path: Path, name: str, /, **arguments: Any) -> Any:
    """Run one QMP command. Returns what it returns. Raises LabError if qemu does not answer or refuses the command."""
    try:
        with _connect(path) as connection, connection.makefile("rw") as stream:
            stream.readline()  # qemu's greeting
            _send(stream, "qmp_capabilities", {})
            return _send(stream, name, arguments)
    except (OSError, ValueError) as error:
        raise LabError(f"qemu does not answer `{name}` at {path}: {error}") from error


def monitor(path: Path, line: str) -> str:
    """Run a command of qemu's human monitor. Returns its output, "" if the command prints nothing."""
    return str(execute(path, "human-monitor-command", **{"command-line": line}))


def _connect(path: Path) -> socket.socket:
    """Connect through /proc/self/fd: a socket's path must not exceed 107 characters."""
    folder = os.open(path.parent, os.O_PATH)
    try:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(60)
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
    return connection


def _send(stream: Any, name: str, arguments: dict[str, Any]) -> Any:
    stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
    stream.flush()
    while line := stream.readline():
        answer = json.loads(line)
        if "error" in answer:
            raise LabError(f"qemu refuses `{name}`: {answer['error'].get('desc')}")
        if "return" in answer:
            return answer["return"]
    raise ValueError("it closed the connection")
