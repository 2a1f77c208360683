"""A cluster's identity on disk: CAs, token, datastore, and the checks that K3s makes of them at each start."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from . import certs
from .config import Settings
from .etcd import Etcd
from .kine import Kine
from .log import fatal, info
from .switches import switch
from .trust import bootstrap_of, secret_of

AUTHORITIES = ("server-ca", "client-ca", "etcd/peer-ca")
RESET_DONE = (
    "Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. Backup and "
    "delete ${datadir}/server/db on each peer etcd server and rejoin the nodes"
)


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file atomically: a process that is killed leaves the old or the new content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    temporary.replace(path)


def read_token(settings: Settings, prefix: str = "") -> str:
    """The token from the settings or its file, "" without either. Waits for a missing file, then exits."""
    given = settings.text(f"{prefix}token")
    path = settings.text(f"{prefix}token-file")
    deadline = time.monotonic() + switch("token_wait_seconds")
    while path and not given:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            if time.monotonic() > deadline:
                fatal(f"Timeout while trying to read the file {path}: no such file or directory")
            info(f"Waiting for {path} to be available\n")
            time.sleep(min(2, max(0.1, deadline - time.monotonic())))
        except OSError as error:
            fatal(f"open {path}: {error.strerror}")
    return given


class Cluster:
    """The state of one server. `state` is the content of the datastore.

    `etcd` is None until this server's member runs, and always None with SQLite; the file alone has the state then.
    """

    def __init__(self, settings: Settings, data_dir: Path) -> None:
        self.folder = data_dir / "server"
        self.lock = threading.RLock()
        self.etcd: Etcd | None = None
        for name in ("", "cred", "db", "tls"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            (self.folder / name).chmod(0o700)
        etcd, sqlite = self.folder / "db/etcd/member/snap/db", self.folder / "db/state.db"
        url = settings.text("server").rstrip("/")
        self.is_etcd = (
            any(map(settings.is_set, ("cluster-init", "cluster-reset"))) or bool(url) or etcd.exists()
        )
        self.joins = url if not etcd.exists() and not settings.is_set("cluster-reset") else ""
        self.path = etcd if self.is_etcd else sqlite
        self.kine = None if self.is_etcd else Kine(sqlite)
        if self.is_etcd and sqlite.exists() and not etcd.exists():
            former = Kine(sqlite)
            write(etcd, former.read())
            former.close()
            sqlite.replace(sqlite.with_name("state.db.migrated"))
        token = read_token(settings)
        given = secret_of(token)
        if self.joins and not token:
            fatal("starting kubernetes: preparing server: token is required to join a cluster")
        token_file = self.folder / "token"
        self.secret = given or (
            secret_of(token_file.read_text().strip()) if token_file.exists() else secrets.token_hex(16)
        )
        self.agent_secret = secret_of(read_token(settings, "agent-")) or self.secret
        self.state: dict[str, Any] = {"bootstrap": {}, "nodes": {}, "members": [], "revision": [0, 0]}
        if stored := self._read():
            self.state.update(json.loads(stored))
        elif self.joins:
            self.state["bootstrap"] = bootstrap_of(self.joins, token)
        if settings.is_set("cluster-reset"):
            self._reset(settings.text("cluster-reset-restore-path"))
        self._bootstrap()

    def save(self) -> None:
        """Store a change on the disks of a majority, or on this disk without etcd. Raises NotCommitted."""
        with self.lock:
            if self.etcd:
                self.etcd.commit()
            else:
                self.write()

    def leave(self) -> NoReturn:
        """Hand over the leadership and end the process. Files are written atomically and need no closing."""
        if self.etcd:
            self.etcd.hand_over()
        os._exit(0)

    def write(self) -> None:
        text = json.dumps(self.state)
        if self.kine:
            self.kine.write(text)
        else:
            write(self.path, text)

    def _read(self) -> str:
        """The content of the datastore; "" if there is none."""
        if self.kine:
            return self.kine.read()
        return self.path.read_text(encoding="utf-8") if self.path.exists() else ""

    def snapshot(self, name: str, node: str, folder: Path | None) -> Path:
        """Save a copy of the datastore, like `k3s etcd-snapshot save`."""
        folder = folder or self.folder / "db/snapshots"
        path = folder / f"{name}-{node}-{int(time.time())}"
        with self.lock:
            write(path, json.dumps(self.state))
        return path

    def ca(self, name: str) -> tuple[certs.Key, str]:
        """The key and the common name of a CA."""
        key = certs.Key.load(self.state["bootstrap"]["files"][f"{name}.key"])
        return key, _common_name(name, key)

    def full_token(self, user: str, secret: str) -> str:
        ca = self.state["bootstrap"]["files"]["server-ca.crt"]
        return f"K10{hashlib.sha256(ca.encode()).hexdigest()}::{user}:{secret}"

    def _bootstrap(self) -> None:
        proof = hashlib.sha256(f"bootstrap {self.secret}".encode()).hexdigest()
        if not self.state["bootstrap"]:
            self.state["bootstrap"] = {"proof": proof, "files": self._new_authorities()}
            self.write()
        if self.state["bootstrap"]["proof"] != proof:
            fatal(
                "starting kubernetes: preparing server: failed to bootstrap cluster data: bootstrap data "
                "already found and encrypted with different token"
            )
        for name, text in self.state["bootstrap"]["files"].items():
            write(self.folder / "tls" / name, text, 0o600 if name.endswith(".key") else 0o644)
        write(self.folder / "token", self.full_token("server", self.secret) + "\n")
        self._link("node-token")
        if self.agent_secret == self.secret:
            self._link("agent-token")
        else:
            write(self.folder / "agent-token", self.full_token("node", self.agent_secret) + "\n")

    def _new_authorities(self) -> dict[str, str]:
        """Key and certificate of every CA: those on disk if both files exist, else new ones."""
        files = {}
        for name in AUTHORITIES:
            paths = [self.folder / "tls" / f"{name}.{end}" for end in ("key", "crt")]
            if all(path.exists() for path in paths):
                files[f"{name}.key"], files[f"{name}.crt"] = (path.read_text() for path in paths)
            else:
                key = certs.Key.generate()
                files[f"{name}.key"] = key.pem()
                files[f"{name}.crt"] = certs.authority(key, _common_name(name, key))
        return files

    def _link(self, name: str) -> None:
        link = self.folder / name
        if not link.is_symlink():
            link.unlink() if link.exists() else None
            link.symlink_to(self.folder / "token")

    def _reset(self, snapshot: str) -> None:
        flag = self.folder / "db/reset-flag"
        if flag.exists():
            fatal(
                "cluster-reset was successfully performed, please remove the cluster-reset flag and start "
                "k3s normally. If you need to perform another cluster reset, you must first manually delete "
                f"the {flag} file"
            )
        if snapshot:
            try:
                self.state = json.loads(Path(snapshot).read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                fatal(f"starting kubernetes: preparing server: etcd: snapshot path {snapshot}: {error}")
            if (old := self.folder / "db/etcd").exists():
                old.replace(old.with_name(f"etcd-old-{int(time.time())}"))
        self._bootstrap()
        self.state["members"] = []
        self.write()
        write(flag, "")
        info(RESET_DONE)
        raise SystemExit(0)


def _common_name(name: str, key: certs.Key) -> str:
    """A name that depends on the key alone; K3s uses the time instead."""
    return f"k3s-{name.rpartition('/')[2]}@{int.from_bytes(key.id[:4], 'big')}"
