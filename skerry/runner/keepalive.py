"""SSH connections that notice when the other end has gone.

The kernel alone would go on for a quarter of an hour while data is under way, and for ever while a run waits.
"""

from __future__ import annotations

import socket
from typing import Any

from pyinfra.api.state import BaseStateCallback

SILENCE_SECONDS = 30
# Options that this machine's TCP may lack.
OPTIONS = {
    "TCP_KEEPIDLE": 10,
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": 4,
    "TCP_USER_TIMEOUT": SILENCE_SECONDS * 1000,
    "TCP_NODELAY": 1,
}


class Patience(BaseStateCallback):
    """Gives up a connection after `SILENCE_SECONDS` without a sign of life, also those made after a reboot."""

    def host_connect(self, state: Any, host: Any) -> None:  # type: ignore[override]
        connection = host.connector.client.get_transport().sock
        if not isinstance(connection, socket.socket):  # through a jump host, whose own connection it is
            return
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in OPTIONS.items():
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def lost(host: Any) -> bool:
    """Whether the connection to a host has gone."""
    client = getattr(host.connector, "client", None)
    transport = client.get_transport() if client else None
    return transport is None or not transport.is_active()
