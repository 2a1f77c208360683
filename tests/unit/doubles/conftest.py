from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.make_artifacts import build
from tests.unit.doubles.standin import (
    PATIENCE_SECONDS,
    RESERVATIONS,
    VERSION,
    Standin,
    ended,
)


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(VERSION, tmp_path_factory.mktemp("artifacts"))


@pytest.fixture
def standin(tmp_path: Path, binary: Path) -> Iterator[Standin]:
    standin = Standin(tmp_path, binary)
    with ended(standin):
        yield standin


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, binary: Path) -> Iterator[Standin]:
    """A Ready server with reservations; its first message to systemd is in `notified`."""
    standin = Standin(tmp_path_factory.mktemp("server"), binary)
    standin.config.write_text("cluster-init: true\nnode-label: [] # none\n" + RESERVATIONS)
    address = standin.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, ended(standin):
        sock.bind(str(address))
        sock.settimeout(PATIENCE_SECONDS)
        standin.env["NOTIFY_SOCKET"] = str(address)
        standin.start()
        (standin.folder / "notified").write_bytes(sock.recv(100))
        standin.until_ready()
        yield standin
