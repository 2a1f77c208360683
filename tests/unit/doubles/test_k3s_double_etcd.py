"""The stand-in's servers share one datastore as K3s's do: voters, learners, a majority, and what survives a member."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.make_artifacts import build
from tests.unit.doubles.test_k3s_double import VERSION, Double, _ended

NAMES = ("one", "two", "three")
PATIENCE_SECONDS = 30.0  # three at once on a busy machine


def until(true: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.05)


class Trio:
    """Three servers, the second and the third joined to the first."""

    def __init__(self, folder: Path, binary: Path) -> None:
        self.servers = [Double(folder / name, binary, name) for name in NAMES]
        for each in self.servers:
            each.set(election_seconds=1.5, learner_seconds=0.2)

    def start(self, number: int) -> Double:
        server = self.servers[number]
        if number:
            token = (self.servers[0].data / "server/token").read_text().strip()
            server.config.write_text(f"server: https://127.0.0.1:{self.servers[0].port}\ntoken: {token}\n")
        server.start()
        return server

    def members(self, number: int) -> list[dict[str, Any]]:
        """What a member's peer port says, asked with the server's own certificate."""
        server = self.servers[number]
        tls, config = server.data / "server/tls/etcd", server.data / "server/db/etcd/config"
        url = dict(line.split(": ", 1) for line in config.read_text().splitlines())[
            "initial-advertise-peer-urls"
        ]
        own = [f"--{kind}={tls}/peer-server-client.{end}" for kind, end in (("cert", "crt"), ("key", "key"))]
        command = ["curl", "-sf", f"--cacert={tls}/peer-ca.crt", *own, f"{url}/members"]
        command = [part for each in command for part in each.split("=", 1)]
        found: list[dict[str, Any]] = json.loads(
            subprocess.run(command, capture_output=True, check=True).stdout
        )
        return found

    def health(self, number: int) -> str:
        config = (self.servers[number].data / "server/db/etcd/config").read_text()
        url = next(line.split(": ")[1] for line in config.splitlines() if line.startswith("listen-metrics"))
        try:
            with urllib.request.urlopen(f"{url.split(',')[0]}/health", timeout=2) as answer:  # noqa: S310  loopback
                return str(json.load(answer)["health"])
        except OSError:
            return "false"

    def is_cordoned(self, number: int) -> bool:
        """What one of the servers says, which may have to find its leader first."""
        node = self.servers[number].node("one")
        return bool(node and node["spec"].get("unschedulable"))

    def label(self, number: int, value: str) -> bool:
        """Write through one of the servers; whether it was acknowledged."""
        return (
            self.servers[number].run("kubectl", "cordon" if value == "yes" else "uncordon", "one").returncode
            == 0
        )


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    """One cluster for all: every test leaves it whole, but for the last."""
    folder = tmp_path_factory.mktemp("trio")
    trio = Trio(folder, build(VERSION, folder / "artifacts"))
    with _ended(*trio.servers):
        for number in range(3):
            trio.start(number).until_ready(NAMES[number], seconds=PATIENCE_SECONDS)
        yield trio


def test_servers_join_and_every_one_says_the_same(trio: Trio) -> None:
    for number in range(3):
        members = trio.members(number)
        assert [each["name"].rpartition("-")[0] for each in members] == list(NAMES)
        assert not any(each.get("isLearner") for each in members)
        assert trio.health(number) == "true"
    assert trio.label(1, "yes")
    until(lambda: all(trio.is_cordoned(number) for number in range(3)), "the write")


def test_what_was_acknowledged_survives_the_leader(trio: Trio) -> None:
    assert trio.label(2, "yes")
    trio.servers[0].stop(signal.SIGKILL)
    until(lambda: trio.health(1) == "true" and trio.health(2) == "true", "a new leader")
    until(lambda: trio.is_cordoned(1), "what was acknowledged")
    until(lambda: trio.label(2, "no"), "a write with two of three")
    trio.start(0)
    until(lambda: trio.health(0) == "true", "the member that was killed")
    node = trio.servers[0].until_ready("one", seconds=PATIENCE_SECONDS)
    assert not node["spec"].get("unschedulable")


def test_without_a_majority_nothing_is_acknowledged(trio: Trio) -> None:
    for number in (1, 2):
        trio.servers[number].stop(signal.SIGKILL)
    until(lambda: trio.health(0) == "false", "the loss of quorum")
    assert not trio.label(0, "yes")
    assert trio.servers[0].ask("/readyz") is None
    trio.start(1)
    until(lambda: trio.label(0, "yes"), "quorum")
    trio.start(2).until_ready("three", seconds=PATIENCE_SECONDS)


def test_a_wrong_token_and_another_ca_are_refused(trio: Trio) -> None:
    token = (trio.servers[0].data / "server/token").read_text().strip()
    url = f"server: https://127.0.0.1:{trio.servers[0].port}\n"
    four = Double(trio.servers[0].folder.parent / "four", trio.servers[0].binary, "four")
    with _ended(four):
        four.config.write_text(f"{url}token: {token[:-4]}0000\n")
        assert "not authorized" in four.start_fails()
        four.config.write_text(f"{url}token: K10{'0' * 64}::{token.partition('::')[2]}\n")
        assert "does not match" in four.start_fails()
    assert len(trio.members(0)) == 3


def test_a_deleted_server_is_no_member_any_more(trio: Trio) -> None:
    assert trio.servers[0].run("kubectl", "delete", "node", "three").returncode == 0
    assert len(trio.members(0)) == 2
    process = trio.servers[2].process
    assert process
    assert process.wait(PATIENCE_SECONDS) == 1
    assert "permanently removed" in trio.servers[2].log()
