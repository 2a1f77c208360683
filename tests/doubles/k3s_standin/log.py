"""The log in K3s's style, and systemd's readiness message."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from typing import NoReturn


def info(message: str) -> None:
    _write("info", message)


def warning(message: str) -> None:
    _write("warning", message)


def error(message: str) -> None:
    _write("error", message)


def fatal(message: str) -> NoReturn:
    """Log and exit 1, like K3s."""
    _write("fatal", message)
    raise SystemExit(1)


def notify(state: str) -> None:
    """Send a message to systemd's notify socket; do nothing outside systemd."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), address)


def _write(level: str, message: str) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sys.stderr.write(f'time="{stamp}" level={level} msg={json.dumps(message, ensure_ascii=False)}\n')
    sys.stderr.flush()
