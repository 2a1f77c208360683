"""A run on a running node changes what differs, restarts K3s only when needed, and reports a K3s that fails."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skerry import lab
from skerry.bench.speed.link import Link
from tests.lab.conftest import NEWER, Run, WriteInventory
from tests.lab.runs import VERSION, Result

BINARY, CONFIG = f"/usr/local/lib/k3s/{VERSION}/k3s", "/etc/rancher/k3s/config.yaml"
INSTALL, WRITE = f"K3s | Install k3s {VERSION}", "K3s | Write configuration"
START = "K3s | Start K3s and wait for a Ready node"
COMPARE = "K3s | Compare allocatable with the reservations"
MAX_BYTES = 60_000  # sent and received by a run that changes nothing
SWITCHES = "/etc/skerry-double.json"


class Node:
    """A host with K3s, and functions that run deploys on it with other settings."""

    def __init__(self, host: lab.LabHost, inventory: WriteInventory, run: Run) -> None:
        self.host, self._inventory, self._run = host, inventory, run

    def run(self, **settings: object) -> Result:
        return self._run(self._inventory(self.host, **settings))

    def uninstall(self, **settings: object) -> Result:
        return self._run(self._inventory(self.host, **settings), "deploy/uninstall.py", seconds=300)

    def shell(self, command: str) -> str:
        return lab.run(self.host.name, command).stdout.strip()

    def starts(self) -> int:
        """How many times K3s has been started since the host booted."""
        return int(
            self.shell("journalctl -b -u k3s -o cat | grep -c '^Starting Lightweight Kubernetes' || true")
        )

    def object(self) -> dict[str, Any]:
        """The Kubernetes Node object."""
        node: dict[str, Any] = json.loads(self.shell("k3s kubectl get --raw /api/v1/nodes/$(hostname)"))
        return node


@pytest.fixture(scope="module")
def installed(prepared: str) -> lab.LabHost:
    """One host for all tests of this file: each begins with a run that restores the defaults."""
    return lab.restore(prepared, "prepared")


@pytest.fixture
def node(installed: lab.LabHost, inventory: WriteInventory, run: Run) -> Iterator[Node]:
    """A node with default settings."""
    node = Node(installed, inventory, run)
    result = node.run()
    assert result.code == 0, result.stderr
    yield node
    node.shell(f"rm -f {SWITCHES}")


def assert_settled(node: Node, **settings: object) -> None:
    """Assert that another run with the same settings changes nothing and restarts nothing."""
    starts, again = node.starts(), node.run(**settings)
    assert again.code == 0, again.stderr
    assert {line["result"] for line in again.journal if line["event"] == "end"} == {"unchanged"}
    assert node.starts() == starts


def test_a_second_run_changes_nothing_and_asks_the_host_once(node: Node, home: Path, tmp_path: Path) -> None:
    """Over one connection, which opens one session with the first run's prefetch list, two without it (sshd's log)."""
    for count, prefetched in ((1, True), (2, False)):
        if not prefetched:
            shutil.rmtree(home / "asked")
        link = Link(node.host)
        assert_settled(node, **link.settings(tmp_path))
        link.close()
        [source] = link.sources
        log = f"journalctl -b -t sshd -o cat | grep -E 'Starting session: .* port {source} '"
        sessions = node.shell(log).splitlines()
        assert len(sessions) == count, sessions
        assert link.connections == 1
        assert link.bytes < MAX_BYTES


def test_settings_of_k3s_restart_it_once(node: Node) -> None:
    starts, before = node.starts(), node.object()["status"]
    settings = {"max_pods": 50, "reserve": "auto", "k3s_disable": ["traefik"]}
    node.shell("touch /run/before")
    result = node.run(**settings)
    assert result.code == 0, result.stderr
    assert result.changed == [WRITE, START]
    written = node.shell(
        "find /etc/rancher /etc/systemd/system /usr/local/bin -newer /run/before -type f ! -name k3s.yaml"
    )
    assert set(written.split()) == {CONFIG, "/etc/systemd/system/k3s.service.env"}
    assert node.starts() == starts + 1
    after = node.object()["status"]
    assert after["capacity"]["pods"] == "50"
    assert after["allocatable"]["memory"] != before["allocatable"]["memory"]
    assert_settled(node, **settings)


def test_settings_of_other_phases_do_not_restart_k3s(node: Node) -> None:
    starts, settings = node.starts(), {"ntp_servers": ["192.0.2.1"], "packages_extra": ["ed"]}
    result = node.run(**settings)
    assert result.code == 0, result.stderr
    assert {operation.partition(" | ")[0] for operation in result.changed} == {"Packages", "Clock"}
    assert node.shell("command -v ed")
    assert node.starts() == starts
    assert_settled(node, **settings)


def test_k3s_that_was_stopped_is_started(node: Node) -> None:
    starts = node.starts()
    node.shell("systemctl stop k3s")
    result = node.run()
    assert (result.code, result.changed) == (0, [START]), result.stderr
    assert node.starts() == starts + 1
    assert_settled(node)


def replace_binary(node: Node, artifacts: Path) -> None:
    """Overwrite the installed version's binary with another version."""
    with (artifacts / "k3s" / NEWER / "k3s").open("rb") as other:
        subprocess.run([*lab.ssh_command(node.host.name), f"cat > {BINARY}"], stdin=other, check=True)
    assert NEWER in node.shell("k3s --version")


def edit_config(node: Node) -> None:
    node.shell(f"sed -i s/max-pods=110/max-pods=77/ {CONFIG} && grep -q max-pods=77 {CONFIG}")


def test_files_changed_by_hand_are_put_back_without_a_restart(node: Node, artifacts: Path) -> None:
    """K3s was started with the right files, so that it need not be restarted."""
    starts = node.starts()
    replace_binary(node, artifacts)
    edit_config(node)
    result = node.run()
    assert (result.code, result.changed) == (0, [INSTALL, WRITE]), result.stderr
    assert VERSION in node.shell("k3s --version")
    assert "max-pods=110" in node.shell(f"cat {CONFIG}")
    assert node.starts() == starts
    assert_settled(node)


def test_k3s_that_was_started_with_a_replaced_binary_is_restarted(node: Node, artifacts: Path) -> None:
    replace_binary(node, artifacts)
    node.shell("systemctl restart k3s")
    starts = node.starts()
    result = node.run()
    assert (result.code, result.changed) == (0, [INSTALL, START]), result.stderr
    assert node.starts() == starts + 1
    assert node.object()["status"]["nodeInfo"]["kubeletVersion"] == VERSION
    assert_settled(node)


def test_k3s_that_was_started_with_an_edited_config_is_restarted(node: Node) -> None:
    edit_config(node)
    node.shell("systemctl restart k3s")
    starts = node.starts()
    result = node.run()
    assert (result.code, result.changed) == (0, [WRITE, START]), result.stderr
    assert node.starts() == starts + 1
    assert node.object()["status"]["capacity"]["pods"] == "110"
    assert_settled(node)


def test_a_new_version_is_installed_beside_the_old_one_and_can_be_taken_back(node: Node) -> None:
    starts, newer = node.starts(), {"k3s_version": NEWER}
    result = node.run(**newer)
    assert result.code == 0, result.stderr
    assert {f"K3s | Install k3s {NEWER}", "K3s | Link the version", START} <= set(result.changed)
    assert node.starts() == starts + 1
    assert node.object()["status"]["nodeInfo"]["kubeletVersion"] == NEWER
    assert NEWER in node.shell("readlink /usr/local/bin/k3s")
    assert VERSION in node.shell(f"{BINARY} --version")
    assert_settled(node, **newer)
    refused = node.run()
    assert (refused.code, refused.changed) == (1, [])
    assert f"k3s_version {VERSION} is older" in refused.stderr
    back = node.run(k3s_downgrade=True)
    assert back.code == 0, back.stderr
    assert INSTALL not in back.changed
    assert node.starts() == starts + 2
    assert node.object()["status"]["nodeInfo"]["kubeletVersion"] == VERSION


@pytest.mark.parametrize(
    ("switch", "failed", "words"),
    [
        ({"fail_start": "it has no good reason"}, START, "it has no good reason"),
        ({"never_ready": True}, START, "the node was not Ready after 4 s"),
        ({"allocatable_wrong": True}, COMPARE, "the node allocates"),
    ],
    ids=["fails", "never ready", "allocates too much"],
)
def test_a_k3s_that_fails_to_start_is_reported_with_the_reason(
    node: Node, switch: dict[str, object], failed: str, words: str
) -> None:
    seconds = {"k3s_ready_timeout_seconds": 4 if failed == START else 60}
    node.shell(f"echo '{json.dumps(switch)}' > {SWITCHES}")
    result = node.run(max_pods=50, **seconds)
    assert (result.code, result.failed) == (1, [failed])
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert sum(line["seconds"] for line in result.journal if line["event"] == "end") < 30
    node.shell(f"rm {SWITCHES}; systemctl restart --no-block k3s")
    mended = node.run(max_pods=50)
    assert mended.code == 0, mended.stderr
    assert_settled(node, max_pods=50)


def test_uninstall_keeps_volumes_until_told_otherwise_and_packages_that_others_need(node: Node) -> None:
    """A package that was installed by hand depends on socat, which Skerry installed."""
    packages = node.shell("sort -u /var/lib/skerry/packages").split()
    control = (
        "Package: needing\nVersion: 1\nArchitecture: all\nMaintainer: me\nDescription: me\nDepends: socat\n"
    )
    node.shell(
        "umask 022 && cd /tmp && mkdir -p needing/DEBIAN && "
        f"printf %s {shlex.quote(control)} > needing/DEBIAN/control && "
        "dpkg-deb -b needing && dpkg -i needing.deb"
    )
    volume = "/var/lib/rancher/k3s/storage/pvc-1"
    node.shell(f"mkdir -p {volume}; echo data > {volume}/file")
    refused = node.uninstall()
    assert (refused.code, refused.changed) == (1, [])
    assert "1 local volume(s) hold data in /var/lib/rancher/k3s/storage (pvc-1)" in refused.stderr
    assert node.shell(f"systemctl is-active k3s; cat {volume}/file") == "active\ndata"
    deleted = node.uninstall(uninstall_delete_volumes=True)
    assert deleted.code == 0, deleted.stderr
    k3s = "find / -xdev ( -name '*k3s*' -o -path '*/rancher/*' ) ! -path '/proc/*' ! -path '/var/log/*'"
    # These tests have made it.
    assert node.shell(k3s.replace("(", "\\(").replace(")", "\\)")) == "/etc/default/k3s"
    assert "socat" in packages
    statuses = node.shell(
        f"dpkg-query -W -f '${{Package}} ${{db:Status-Status}}\\n' {shlex.join(packages)} 2>&1 || true"
    )
    assert [line for line in statuses.splitlines() if line.endswith(" installed")] == ["socat installed"]
    again = node.uninstall()
    assert (again.code, again.changed) == (0, []), again.stderr


SAMPLE = """python3 -c '
import glob, pathlib
seen = set()
while not pathlib.Path("/run/stop").exists():
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            seen.add(open(path, "rb").read().replace(bytes(1), b" "))
        except OSError:
            pass  # the process has ended
pathlib.Path("/run/argv").write_bytes(bytes([10]).join(sorted(seen)))
'"""


def test_the_token_is_never_shown(host: lab.LabHost, inventory: WriteInventory, run: Run, home: Path) -> None:
    """It is in no command line during a run, nor in the run's output or journal; only root can read its files.

    The command that creates it is slowed down, so that the sampler of command lines cannot miss it.
    """
    slow = '#!/bin/sh\nsleep 0.5\nexec /bin/sync "$@"\n'
    lab.run(
        host.name,
        f"umask 022; printf %s {shlex.quote(slow)} > /usr/local/bin/sync; chmod +x /usr/local/bin/sync",
    )
    with subprocess.Popen([*lab.ssh_command(host.name), SAMPLE]) as sampler:
        try:
            result = run(inventory(host))
        finally:
            lab.run(host.name, "touch /run/stop")
            sampler.wait(20)
    assert result.code == 0, result.stderr
    token = lab.run(host.name, "cat /etc/rancher/k3s/token").stdout.strip()
    argv = lab.run(host.name, "cat /run/argv").stdout
    assert "/usr/local/bin/k3s server" in argv
    assert "token.skerry-new" in argv
    assert token not in argv
    assert token not in result.stdout + result.stderr
    recorded = [path for path in home.rglob("*") if path.is_file() and not path.is_symlink()]
    assert recorded
    assert not [path for path in recorded if token in path.read_text()]
    find = "grep -rlF -f /etc/rancher/k3s/token /etc /home /root /tmp /usr/local /var /run/log"
    assert set(lab.run(host.name, f"{find} | xargs stat -c '%a %U'").stdout.splitlines()) == {"600 root"}
