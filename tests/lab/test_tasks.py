"""The tasks that an operator runs after a deploy, on a running node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from skerry import lab
from skerry.local.paths import PROJECT
from tests.lab.conftest import Run, WriteInventory


def invoke(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "invoke"), *arguments]
    environment = {**os.environ, "SKERRY_HOME": str(home)}
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=180
    )


@pytest.fixture
def node(host: lab.LabHost, inventory: WriteInventory, run: Run) -> str:
    """The inventory of a host with K3s."""
    path = inventory(host)
    assert run(path).code == 0
    return str(path)


def test_an_operators_day(node: str, host: lab.LabHost, home: Path, tmp_path: Path) -> None:
    """One test, because each step needs a node: up again, status, kubeconfig, kubectl, uninstall, status."""
    lab.run(host.name, "logger -t mark here")
    up = invoke(home, "up", node, "--json")
    assert up.returncode == 0, up.stderr
    log = lab.run(host.name, "journalctl -b -t sshd -t mark -o cat").stdout.rpartition("here\n")[2]
    # One login each for the deploy, for all checks, and for the command that reads this log.
    assert log.count("Accepted publickey") == 3, log
    stages = {stage["name"]: stage for stage in json.loads(up.stdout)["stages"]}
    assert {stages[name]["result"] for name in ("Packages", "Swap", "Kernel", "K3s")} == {"unchanged"}
    assert stages["Verify"]["result"] == "done"

    status = invoke(home, "status", node, "--json")
    assert status.returncode == 0
    assert [(row["host"], row["problems"]) for row in json.loads(status.stdout)] == [(host.name, [])]

    _merge_kubeconfig(node, home, tmp_path / "config")
    if shutil.which("kubectl"):
        kubectl = f"kubectl --kubeconfig {tmp_path / 'config'} --context harbour get nodes -o name"
        nodes = subprocess.run(kubectl.split(), capture_output=True, text=True, check=True).stdout
        assert nodes == f"node/{host.name}\n"

    refused = invoke(home, "uninstall", node)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert invoke(home, "uninstall", node, "--yes").returncode == 0
    after = invoke(home, "status", node, "--json")
    assert after.returncode == 3
    assert json.loads(after.stdout)[0]["problems"][0] == "K3s is not installed"


def _merge_kubeconfig(node: str, home: Path, file: Path) -> None:
    """A file with another cluster keeps that cluster, gets a backup, and only its owner can read both files."""
    other = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "work", "cluster": {"server": "https://w"}}],
    }
    file.write_text(yaml.safe_dump(other))
    for _ in range(2):
        assert invoke(home, "kubeconfig", node, "--file", str(file)).returncode == 0
    assert [entry["name"] for entry in yaml.safe_load(file.read_text())["clusters"]] == ["work", "harbour"]
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    [backup] = file.parent.glob("config.*.bak")
    assert yaml.safe_load(backup.read_text()) == other
    assert oct(backup.stat().st_mode & 0o777) == "0o600"


def test_trust_accepts_a_pinned_fingerprint_and_refuses_another(
    host: lab.LabHost, inventory: WriteInventory, home: Path, tmp_path: Path
) -> None:
    known_hosts = tmp_path / "known_hosts"
    key = host.known_hosts.read_text().split()
    public = tmp_path / "host_key.pub"
    public.write_text(f"{key[1]} {key[2]}\n")
    shown = subprocess.run(["ssh-keygen", "-lf", str(public)], capture_output=True, text=True, check=True)
    fingerprint = shown.stdout.split()[1]
    wrong = "SHA256:" + "A" * 43
    path = str(inventory(host, ssh_known_hosts_file=str(known_hosts), ssh_fingerprint=wrong))
    refused = invoke(home, "trust", path)
    assert refused.returncode == 2
    assert fingerprint in refused.stderr
    assert not known_hosts.exists()
    path = str(inventory(host, ssh_known_hosts_file=str(known_hosts), ssh_fingerprint=fingerprint))
    assert invoke(home, "trust", path).returncode == 0
    assert key[2] in known_hosts.read_text()
    assert invoke(home, "trust", path).stdout.startswith("0 host key(s)")
