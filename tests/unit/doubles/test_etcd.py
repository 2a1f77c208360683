"""Three servers of the stand-in share one datastore: voters, learners, majority, loss of a member."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.make_artifacts import build
from tests.unit.doubles.standin import PATIENCE_SECONDS, VERSION, Standin, ended, wait_for

NAMES = ("one", "two", "three")


class Trio:
    """Three servers, the second and the third joined to the first."""

    def __init__(self, folder: Path, binary: Path) -> None:
        self.servers = [Standin(folder / name, binary, name) for name in NAMES]
        for server in self.servers:
            server.set(election_seconds=1.5, learner_seconds=0.2)

    def start(self, number: int) -> Standin:
        server = self.servers[number]
        if number:
            token = (self.servers[0].data / "server/token").read_text().strip()
            server.config.write_text(f"server: https://127.0.0.1:{self.servers[0].port}\ntoken: {token}\n")
        server.start()
        return server

    def members(self, number: int) -> list[dict[str, Any]]:
        """The answer of a member's peer port to a client with the server's certificate."""
        server = self.servers[number]
        tls, config = server.data / "server/tls/etcd", server.data / "server/db/etcd/config"
        url = dict(line.split(": ", 1) for line in config.read_text().splitlines())[
            "initial-advertise-peer-urls"
        ]
        options = [
            f"--{kind}={tls}/peer-server-client.{end}" for kind, end in (("cert", "crt"), ("key", "key"))
        ]
        command = ["curl", "-sf", f"--cacert={tls}/peer-ca.crt", *options, f"{url}/members"]
        command = [part for word in command for part in word.split("=", 1)]
        members: list[dict[str, Any]] = json.loads(
            subprocess.run(command, capture_output=True, check=True).stdout
        )
        return members

    def health(self, number: int) -> str:
        config = (self.servers[number].data / "server/db/etcd/config").read_text()
        url = next(line.split(": ")[1] for line in config.splitlines() if line.startswith("listen-metrics"))
        try:
            with urllib.request.urlopen(f"{url.split(',')[0]}/health", timeout=2) as answer:  # noqa: S310  loopback
                return str(json.load(answer)["health"])
        except OSError:
            return "false"

    def is_cordoned(self, number: int) -> bool:
        """Whether the node is cordoned according to this server."""
        node = self.servers[number].node("one")
        return bool(node and node["spec"].get("unschedulable"))

    def cordon(self, number: int, cordoned: bool) -> bool:
        """Cordon or uncordon the node through this server. Returns whether it was acknowledged."""
        return (
            self.servers[number].run("kubectl", "cordon" if cordoned else "uncordon", "one").returncode == 0
        )


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    """One cluster for all tests of this file. All but the last leave it complete."""
    folder = tmp_path_factory.mktemp("trio")
    trio = Trio(folder, build(VERSION, folder / "artifacts"))
    with ended(*trio.servers):
        for number in range(3):
            trio.start(number).until_ready(NAMES[number], seconds=PATIENCE_SECONDS)
        yield trio


def test_servers_join_and_agree(trio: Trio) -> None:
    for number in range(3):
        members = trio.members(number)
        assert [member["name"].rpartition("-")[0] for member in members] == list(NAMES)
        assert not any(member.get("isLearner") for member in members)
        assert trio.health(number) == "true"
    assert trio.cordon(1, True)
    wait_for(lambda: all(trio.is_cordoned(number) for number in range(3)), "the write")


def test_acknowledged_writes_survive_the_leader(trio: Trio) -> None:
    assert trio.cordon(2, True)
    trio.servers[0].stop(signal.SIGKILL)
    wait_for(lambda: trio.health(1) == "true" and trio.health(2) == "true", "a new leader")
    wait_for(lambda: trio.is_cordoned(1), "the acknowledged write")
    wait_for(lambda: trio.cordon(2, False), "a write with two of three")
    trio.start(0)
    wait_for(lambda: trio.health(0) == "true", "the member that was killed")
    node = trio.servers[0].until_ready("one", seconds=PATIENCE_SECONDS)
    assert not node["spec"].get("unschedulable")


def test_without_a_majority_nothing_is_acknowledged(trio: Trio) -> None:
    for number in (1, 2):
        trio.servers[number].stop(signal.SIGKILL)
    wait_for(lambda: trio.health(0) == "false", "the loss of quorum")
    assert not trio.cordon(0, True)
    assert trio.servers[0].ask("/readyz") is None
    trio.start(1)
    wait_for(lambda: trio.cordon(0, True), "quorum")
    trio.start(2).until_ready("three", seconds=PATIENCE_SECONDS)


def test_a_wrong_token_and_another_ca_are_refused(trio: Trio) -> None:
    token = (trio.servers[0].data / "server/token").read_text().strip()
    url = f"server: https://127.0.0.1:{trio.servers[0].port}\n"
    four = Standin(trio.servers[0].folder.parent / "four", trio.servers[0].binary, "four")
    with ended(four):
        four.config.write_text(f"{url}token: {token[:-4]}0000\n")
        assert "not authorized" in four.start_fails()
        four.config.write_text(f"{url}token: K10{'0' * 64}::{token.partition('::')[2]}\n")
        assert "does not match" in four.start_fails()
    assert len(trio.members(0)) == 3


def test_a_deleted_server_is_removed_from_etcd(trio: Trio) -> None:
    assert trio.servers[0].run("kubectl", "delete", "node", "three").returncode == 0
    assert len(trio.members(0)) == 2
    process = trio.servers[2].process
    assert process
    assert process.wait(PATIENCE_SECONDS) == 1
    assert "permanently removed" in trio.servers[2].log()
