"""The connections of a run, lent to what comes after it: a socket for each host that leads to a shell of root's there.

The engine opens them once its run has gone well, and holds them until its standard input ends.
"""

from __future__ import annotations

import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any

from skerry.model.root_shell import as_root

READY = "ready"  # the file that says that they can be used
BLOCK = 1 << 16


def hold(state: Any, folder: Path) -> None:
    """Open them in `folder`, which must be its owner's alone; they go with this process."""
    import gevent  # here, because tasks, which need the name alone, must not have it
    from gevent.server import StreamServer

    for host in state.inventory.get_active_hosts():
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / host.name))
        listener.listen()
        StreamServer(listener, partial(_lead, host)).start()
    (folder / READY).touch()
    gevent.get_hub().threadpool.apply(sys.stdin.buffer.read)  # a thread's, or nothing else here would go on


def _lead(host: Any, near: socket.socket, address: object) -> None:
    import gevent

    far = host.connector.client.get_transport().open_session()
    far.exec_command(as_root("sh", bool(host.data.get("_sudo"))))
    sending = gevent.spawn(_send, near, far)
    while data := far.recv(BLOCK):
        near.sendall(data)
    near.close()
    sending.kill()


def _send(near: socket.socket, far: Any) -> None:
    while data := near.recv(BLOCK):
        far.sendall(data)
    far.shutdown_write()
