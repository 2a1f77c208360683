"""Keepalive: SSH connections notice within `SILENCE_SECONDS` that the other end is gone.

Otherwise the kernel waits a quarter of an hour while data is in flight, and for ever while a run waits for output.
"""

from __future__ import annotations

import socket
from typing import Any

from pyinfra.api.state import BaseStateCallback

SILENCE_SECONDS = 30
# Options that this machine's TCP does not have are skipped.
OPTIONS = {
    "TCP_KEEPIDLE": 10,
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": 4,
    "TCP_USER_TIMEOUT": SILENCE_SECONDS * 1000,
    "TCP_NODELAY": 1,
}


class KeepAlive(BaseStateCallback):
    """Sets `OPTIONS` on each connection, including those made after a reboot."""

    def host_connect(self, state: Any, host: Any) -> None:  # type: ignore[override]
        client = getattr(host.connector, "client", None)
        connection = client.get_transport().sock if client else None
        # With a jump host `sock` is a channel of the jump host's connection; @local has no client.
        if not isinstance(connection, socket.socket):
            return
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in OPTIONS.items():
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def is_lost(host: Any) -> bool:
    """Returns whether the SSH connection to a host is lost; False with @local, which has no connection."""
    if not hasattr(host.connector, "client"):
        return False
    client = host.connector.client
    transport = client.get_transport() if client else None
    return transport is None or not transport.is_active()
