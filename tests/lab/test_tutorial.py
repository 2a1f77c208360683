"""The tutorial's commands against a lab host, as they stand on its pages, with the node they promise at the end.

Real here: the pages' inventory and group data, invoke, SSH, systemd. Put in their place: the documented host by a lab
host (containers share a kernel and have no time server; K3s is the stand-in of tests/doubles), and the home folder.
LEFT_OUT names the commands that do not run here, and why; their syntax is tested in tests/unit/docs.
"""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skerry import lab
from skerry.local.paths import PROJECT
from tests.documents import Command, commands, listings
from tests.lab.conftest import WriteInventory

TUTORIAL = PROJECT / "docs" / "tutorial"
LEFT_OUT = {
    "make try": "boots an emulated host; `invoke test --only vm` does the same",
    "source .venv/bin/activate": "the tests run in it",
    "invoke lab-ssh lab-1": "a terminal",
    "invoke lab-down": "would take down the tests' own hosts; tests/lab_backend runs it",
    "invoke bench-disk inventories/lab.py --profile quick": "tests/lab/test_bench.py runs it",
    "sudo .venv/bin/invoke restore-drill inventories/bergen.py": "tests/lab/cluster runs it",
    "vagrant": "not here",
    "invoke trust inventories/vagrant.py": "no Vagrant here",
    "invoke up inventories/vagrant.py": "no Vagrant here",
    "kubectl": "not on every machine; tests/lab/test_tasks.py runs it where it is",
    "git": "would commit to this checkout",
}
NOT_AS_WANTED = 3


class Reader:
    """Someone who follows the tutorial, with `inventory` where it says bergen or lab."""

    def __init__(self, inventory: Path, home: Path) -> None:
        self._inventory = inventory
        self._environment = {
            **os.environ,
            "HOME": str(home),
            "SKERRY_HOME": str(home / "skerry"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        for name in ("KUBECONFIG", "SKERRY_KEYS"):
            self._environment.pop(name, None)

    def type(self, command: Command, code: int = 0) -> str:
        """Run a command of the pages and return what it said on standard output."""
        text = command.text
        for shown in ("inventories/bergen.py", "inventories/lab.py"):
            text = text.replace(shown, str(self._inventory))
        done = subprocess.run(
            ["bash", "-c", text],
            cwd=PROJECT, env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{command.where}: {command.text}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def reader(host: lab.LabHost, inventory: WriteInventory, tmp_path: Path) -> Reader:
    """The tutorial's own files, its host replaced by a lab host."""
    [(_, data)] = runpy.run_path(str(inventory(host)))["servers"]
    folder = tmp_path / "tutorial"
    (folder / "group_data").mkdir(parents=True)
    shutil.copy(PROJECT / "inventories" / "group_data" / "all.py", folder / "group_data")
    shown = {listing.name: listing.text for listing in listings(TUTORIAL / "2-hosts.md")}
    (folder / "group_data" / "bergen.py").write_text(shown["inventories/group_data/bergen.py"])
    path = folder / "bergen.py"
    entry = '{"ssh_hostname": "192.0.2.20"}'
    assert entry in shown["inventories/bergen.py"]
    path.write_text(shown["inventories/bergen.py"].replace(entry, repr(data)))
    return Reader(path, tmp_path)


def test_the_tutorial(reader: Reader, host: lab.LabHost, tmp_path: Path) -> None:
    """Part 2 to a node with a backup, then the rest of part 1: a change by hand is found and put right."""
    for command in commands(TUTORIAL / "2-hosts.md"):
        if not _left_out(command):
            reader.type(command, NOT_AS_WANTED if "drift" in command.text else 0)
    assert "bergen" in (tmp_path / ".kube" / "config").read_text()
    assert list((tmp_path / "skerry" / "backups" / "bergen").glob("*.tar.age"))

    for command in commands(TUTORIAL / "1-lab.md"):
        if command.text == "invoke lab-ssh lab-1":
            lab.run(host.name, "echo welcome > /etc/motd")  # what the page has the reader do there
        elif "drift" in command.text:
            assert "System | Write configuration" in reader.type(command, NOT_AS_WANTED)
        elif not _left_out(command):
            reader.type(command)
    assert "welcome" not in lab.run(host.name, "cat /etc/motd").stdout


def _left_out(command: Command) -> bool:
    return command.text in LEFT_OUT or command.text.split()[0] in LEFT_OUT
