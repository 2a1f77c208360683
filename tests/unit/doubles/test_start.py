"""Start, stop, kill, and restart with a datastore, a token or a snapshot."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import sqlite3
from pathlib import Path

import pytest

from tests.unit.doubles.standin import (
    PATIENCE_SECONDS,
    Standin,
    condition_of,
    wait_for,
)


def test_terminated_while_starting_and_while_running(standin: Standin) -> None:
    standin.set(start_seconds=60)
    standin.start()
    wait_for(standin.kubeconfig.exists)
    refused = standin.run("kubectl", "get", "nodes").stderr
    assert refused == "Error from server (ServiceUnavailable): apiserver not ready\n"
    assert standin.stop() == 0
    standin.set(start_seconds=0)
    standin.start()
    standin.until_ready()
    assert standin.stop() == 0
    refused = standin.run("kubectl", "get", "nodes").stderr
    assert refused == (
        f"The connection to the server 127.0.0.1:{standin.port} was refused - "
        "did you specify the right host or port?\n"
    )


def test_a_hanging_server_does_not_notify_systemd(standin: Standin) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(standin.folder / "notify"))
        sock.settimeout(0.3)
        standin.env["NOTIFY_SOCKET"] = str(standin.folder / "notify")
        standin.set(hang=1)
        standin.start()
        wait_for(lambda: "Waiting for API server" in standin.log())
        with pytest.raises(socket.timeout):
            sock.recv(100)
    assert "apiserver not ready" in standin.run("kubectl", "get", "nodes").stderr
    assert standin.stop() == 0


def test_killed_and_restarted_with_its_token_alone(standin: Standin) -> None:
    standin.start("--token=first")
    before = standin.until_ready()
    ca = (standin.data / "server/tls/server-ca.crt").read_bytes()
    standin.stop(signal.SIGKILL)
    assert "bootstrap data already found and encrypted with different token" in standin.start_fails(
        "--token=second"
    )
    standin.start()
    assert standin.until_ready()["metadata"]["uid"] == before["metadata"]["uid"]
    assert (standin.data / "server/tls/server-ca.crt").read_bytes() == ca


def _sqlite_rows(standin: Standin) -> list[str]:
    """The nodes in the database of a running server."""
    with contextlib.closing(sqlite3.connect(standin.data / "server/db/state.db")) as database:
        [[text]] = database.execute("SELECT value FROM kine").fetchall()
    return sorted(json.loads(text)["nodes"])


def test_a_copy_of_the_sqlite_file_alone_is_incomplete(standin: Standin, tmp_path: Path) -> None:
    """The latest writes are in the write-ahead log, as in K3s, so that a backup must go through the database."""
    standin.config.write_text("")
    standin.start()
    standin.until_ready()
    source = standin.data / "server/db/state.db"
    assert source.with_name("state.db-wal").stat().st_size > 0
    copy = tmp_path / "copy.db"
    copy.write_bytes(source.read_bytes())
    with contextlib.closing(sqlite3.connect(copy)) as database:
        tables = database.execute("SELECT name FROM sqlite_master").fetchall()
        rows = database.execute("SELECT value FROM kine").fetchall() if tables else []
    assert not rows or "one" not in json.loads(rows[0][0])["nodes"]
    standin.stop(signal.SIGKILL)
    standin.start()
    standin.until_ready()
    assert _sqlite_rows(standin) == ["one"]


def test_a_snapshot_comes_back_on_a_fresh_host_with_its_token_alone(standin: Standin, tmp_path: Path) -> None:
    standin.start("--token=first")
    uid = standin.until_ready()["metadata"]["uid"]
    paths = (f"--data-dir={standin.data}", f"--write-kubeconfig={standin.kubeconfig}")
    assert standin.run("etcd-snapshot", "save", "--name=test", "--s3=false", *paths).returncode == 0
    [snapshot] = (standin.data / "server/db/snapshots").glob("test-one-*")
    copy = tmp_path / "copy"
    copy.write_bytes(snapshot.read_bytes())
    ca = (standin.data / "server/tls/server-ca.crt").read_bytes()
    standin.stop(signal.SIGKILL)
    shutil.rmtree(standin.data)
    reset = ("--cluster-reset", f"--cluster-reset-restore-path={copy}", "--etcd-s3=false")
    assert "different token" in standin.start_fails(*reset, "--token=second")
    shutil.rmtree(standin.data)
    standin.start(*reset, "--token=first")
    assert standin.process
    assert standin.process.wait(PATIENCE_SECONDS) == 0, standin.log()
    standin.start("--token=first")
    assert standin.until_ready()["metadata"]["uid"] == uid
    assert (standin.data / "server/tls/server-ca.crt").read_bytes() == ca


def test_sqlite_becomes_etcd(standin: Standin) -> None:
    standin.config.write_text("")
    standin.start()
    assert condition_of(standin.until_ready(), "EtcdIsVoter") == "None"
    assert _sqlite_rows(standin) == ["one"]
    standin.stop()
    standin.start("--cluster-init")
    wait_for(lambda: condition_of(standin.until_ready(), "EtcdIsVoter") == "True")


def test_abstract_notify_socket(standin: Standin) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0{standin.folder}")
        sock.settimeout(PATIENCE_SECONDS)
        standin.env["NOTIFY_SOCKET"] = f"@{standin.folder}"
        standin.start()
        assert sock.recv(100) == b"READY=1"


def test_taken_port_is_fatal(standin: Standin) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", standin.port))
        sock.listen()
        assert standin.start_fails().endswith(f'listen tcp :{standin.port}: bind: address already in use"')
