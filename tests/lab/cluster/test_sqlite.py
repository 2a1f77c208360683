"""One server on SQLite: backed up while it runs, lost, and restored on a fresh host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from skerry import lab
from skerry.local.paths import PROJECT
from tests.lab.conftest import PACE
from tests.lab.runs import Running, write_inventory


def test_sqlite_comes_back_on_a_fresh_host(prepared: str, artifacts: Path, tmp_path: Path) -> None:
    host = lab.restore(prepared, "prepared")
    inventory = write_inventory(tmp_path / "inventories", host, artifacts, {"k3s_datastore": "sqlite"})

    def invoke(task: str, *arguments: str) -> str:
        folders = {"SKERRY_HOME": str(tmp_path / "home"), "SKERRY_KEYS": str(tmp_path / "keys")}
        command = [sys.executable, "-m", "invoke", task, str(inventory), *arguments]
        done = subprocess.run(
            command, cwd=PROJECT, env={**os.environ, **folders}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def is_cordoned() -> bool:
        node = json.loads(lab.run(prepared, f"k3s kubectl get node {prepared} -o json").stdout)
        return bool(node["spec"].get("unschedulable"))

    run = Running(inventory, "deploy/k3s.py", tmp_path / "home").finish()
    assert run.code == 0, run.stderr
    ca = lab.run(prepared, "cat /var/lib/rancher/k3s/server/tls/server-ca.crt").stdout
    lab.run(prepared, f"k3s kubectl cordon {prepared}")  # is in the write-ahead log alone
    backup = json.loads(invoke("backup", "--json"))
    assert lab.run(prepared, "ls /var/lib/skerry/backup").stdout == ""
    lab.run(prepared, f"k3s kubectl uncordon {prepared}")
    lab.restore(prepared, "prepared")
    lab.run(prepared, f"printf '{PACE}' > /etc/default/k3s")
    invoke("restore", backup["archive"], "--yes")
    assert is_cordoned()
    assert lab.run(prepared, "cat /var/lib/rancher/k3s/server/tls/server-ca.crt").stdout == ca
