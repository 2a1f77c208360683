"""Fixtures: a fleet repository with real keys, a Git server over real SSH on loopback, and a stand-in for a cluster."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from skerry.commands.inventory import load
from skerry.fleet import keys, scaffold, secrets
from skerry.local import cluster_lock, journal, tools
from skerry.local.paths import PROJECT
from skerry.remote.inventory import Inventory

DOUBLES = PROJECT / "tests" / "doubles"
PLAINTEXT = "hunter2-plain"
SECRET = (
    "kind: Secret\napiVersion: v1\nmetadata: {name: nginx, namespace: nginx}\n"
    f"stringData: {{password: {PLAINTEXT}}}\n"
)
IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.org")


@pytest.fixture(autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the user's own keys, Git configuration and tokens."""
    for name in (
        "GITHUB_TOKEN",
        "GITLAB_TOKEN",
        "GITEA_TOKEN",
        "SOPS_AGE_KEY_FILE",
        "GIT_DIR",
        "GIT_INDEX_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    tools.find.cache_clear()


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *IDENTITY, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def push(root: Path, message: str = "A change") -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--no-verify", "--message", message)
    git(root, "push", "--quiet", "origin", "HEAD:main")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scaffold with one encrypted Secret in production, and its keys beside it. Tests work on copies."""
    folder = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKERRY_KEYS", str(folder / "keys"))
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        scaffold.init(folder / "fleet", "1.36", "2.9.4", "https://git.example.org/skerry.git")
        keys.init(folder / "fleet")
        (folder / "keys" / "fleet" / "recovery.agekey").unlink()  # as if taken offline
        secrets.encrypt(folder / "fleet" / "apps" / "production" / "nginx" / "password.sops.yaml", SECRET)
    kustomization = folder / "fleet" / "apps" / "production" / "nginx" / "kustomization.yaml"
    text = kustomization.read_text().replace(
        "  - disruption.yaml", "  - disruption.yaml\n  - password.sops.yaml"
    )
    kustomization.write_text(text)
    git(folder / "fleet", "add", "--all")
    git(folder / "fleet", "commit", "--quiet", "--no-verify", "--message", "The fleet")
    return folder


@pytest.fixture
def fleet(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that repository, its keys in SKERRY_KEYS."""
    monkeypatch.setenv("SKERRY_KEYS", str(tmp_path / "keys"))
    shutil.copytree(template / "keys", tmp_path / "keys")
    shutil.copytree(template / "fleet", tmp_path / "fleet")
    return tmp_path / "fleet"


@dataclass
class Server:
    """An SSH server on loopback that is the Git server and the K3s server."""

    port: int
    folder: Path

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def repository(self) -> Path:
        return self.folder / "fleet.git"

    @property
    def url(self) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{self.repository}"

    @property
    def state(self) -> dict[str, Any]:
        """The objects in the stand-in cluster, by "kind/namespace/name"."""
        state: dict[str, Any] = json.loads((self.folder / "state.json").read_text())
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        (self.folder / "state.json").write_text(json.dumps(state))

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls of the stand-in for flux."""
        file = self.folder / "calls.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def bootstraps(self) -> list[dict[str, Any]]:
        return [call for call in self.calls if call["argv"][1] == "bootstrap"]

    def environment(self) -> dict[str, str]:
        """The environment in which Git can push as the test."""
        return {
            "GIT_SSH_COMMAND": f"ssh -i {self.key} -o IdentitiesOnly=yes -o UserKnownHostsFile={self.known_hosts}"
        }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server's sshd, with keys of its own. It reads nothing in the user's home and ends with the tests."""
    folder = tmp_path_factory.mktemp("server")
    server = Server(free_port(), folder)
    for name, kind in (("key", "ed25519"), ("host", "ed25519"), ("other_host", "ecdsa")):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(folder / name)], check=True)
    programs = folder / "bin"
    programs.mkdir()
    for name, double in (("flux", "flux_standin"), ("k3s", "kubectl_standin")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} -IS {DOUBLES / double}.py "$@"\n')
        (programs / name).chmod(0o755)
    host_key = (folder / "host.pub").read_text().split()[:2]
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {' '.join(host_key)}\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    options = [
        ("ListenAddress", f"127.0.0.1:{server.port}"),
        ("HostKey", folder / "host"),
        # Not in known_hosts: a server usually has keys of several types, of which one is known.
        ("HostKey", folder / "other_host"),
        ("PidFile", folder / "sshd.pid"),
        ("AuthorizedKeysFile", folder / "authorized_keys"),
        ("StrictModes", "no"),
        ("UsePAM", "no"),
        ("PermitRootLogin", "yes"),
        # With SHLVL, bash does not read the user's .bashrc, which could take longer than the test.
        ("SetEnv", f"PATH={programs}:/usr/bin:/bin SHLVL=2 SKERRY_FLUX_STANDIN={folder}"),
    ]
    words = [word for name, value in options for word in ("-o", f"{name}={value}")]
    with (folder / "sshd.log").open("w") as log:
        command = [tools.find("sshd"), "-D", "-e", "-f", os.devnull, *words]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
    try:
        _until_listening(server.port)
        with ApiServer(folder):
            yield server
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def server(machine: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server with an empty repository, an empty cluster and no recorded calls."""
    for name in ("calls.jsonl", "kubectl.jsonl"):
        (machine.folder / name).unlink(missing_ok=True)
    shutil.rmtree(machine.repository, ignore_errors=True)
    subprocess.run(
        ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(machine.repository)], check=True
    )
    machine.set_state({})
    (machine.folder / "authorized_keys").write_text((machine.folder / "key.pub").read_text())
    monkeypatch.setenv("PATH", f"{machine.folder / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("SKERRY_FLUX_STANDIN", str(machine.folder))
    return machine


def _until_listening(port: int) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("sshd did not start")


class ApiServer:
    """A TCP listener that answers through the tunnel, and the kubeconfig that names it."""

    def __init__(self, folder: Path) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        entry = {
            "name": "default",
            "cluster": {"server": f"https://127.0.0.1:{self._listener.getsockname()[1]}"},
        }
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "default", "clusters": [entry],
            "contexts": [{"name": "default", "context": {"cluster": "default", "user": "default"}}],
            "users": [{"name": "default", "user": {}}],
        }  # fmt: skip
        (folder / "k3s.yaml").write_text(json.dumps(config))

    def __enter__(self) -> None:
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(b"api")

    def __exit__(self, *error: object) -> None:
        self._listener.close()


@pytest.fixture
def pushed(fleet: Path, server: Server) -> Path:
    """The repository, with its commit on the server. It is copied there, not pushed, to save time."""
    shutil.rmtree(server.repository)
    subprocess.run(["git", "clone", "--quiet", "--bare", str(fleet), str(server.repository)], check=True)
    git(fleet, "remote", "add", "origin", server.url)
    return fleet


@pytest.fixture(scope="session")
def harbour(machine: Server, tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """A cluster whose one server is that SSH server, with settings for a hand-off by plain Git."""
    folder = tmp_path_factory.mktemp("inventories")
    (folder / "group_data").symlink_to(PROJECT / "inventories" / "group_data")
    data = {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": machine.port,
        "ssh_user": getpass.getuser(),
        "ssh_key": str(machine.key),
        "ssh_known_hosts_file": str(machine.known_hosts),
        "flux_forge": "git",
        "flux_repository": machine.url,
        "flux_path": "clusters/production",
        "flux_private_key": str(machine.key),
        "flux_timeout_seconds": 5,
    }
    path = folder / "harbour.py"
    path.write_text(f"servers = [('harbour-1', {data!r})]\n")
    return load(str(path))


@pytest.fixture
def inventory(harbour: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    """That cluster, with locks and journals in the test's own folder."""
    monkeypatch.setattr(journal, "RUNS", tmp_path / "home" / "runs")
    monkeypatch.setattr(cluster_lock, "LOCKS", tmp_path / "home" / "locks")
    return harbour


def with_settings(inventory: Inventory, **settings: object) -> Inventory:
    """The same cluster with other settings, which are not validated."""
    first = inventory.first_server
    server = replace(first, settings=first.settings.model_copy(update=settings))
    return replace(inventory, hosts=(server, *inventory.hosts[1:]))
