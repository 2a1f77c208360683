"""The commands that are timed against each other: Skerry, Ansible, a shell script, and bare SSH."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

from skerry.bench.speed import playbook
from skerry.bench.speed.link import Link
from skerry.bench.speed.recording import STAGE
from skerry.bench.speed.speed_lab import SpeedLab
from skerry.bench.speed.timing import Contender, Cost, timed
from skerry.lab.folder import current_lab
from skerry.local.console import log

FLAVOURS = ("pipelining", "mitogen")
ANSIBLE = ("ansible-core==2.17.*", "mitogen==0.3.*")
# Commands over SSH that a run which changes nothing may take. It takes 1, as tests/lab asserts.
EXECUTIONS = 6


def contenders(
    speed_lab: SpeedLab, links: Sequence[Link], flavours: Sequence[str], fresh: bool
) -> dict[str, Contender]:
    """Returns the contenders on these links by name. `fresh`: for runs on a fresh host."""
    hosts = speed_lab.hosts[: len(links)]
    runner = [sys.executable, "-m", "skerry.runner.engine", "run", *speed_lab.target(links)]
    config = ssh_config(speed_lab, links)
    found: dict[str, Contender] = {
        "Skerry": lambda: timed(runner, SKERRY_HOME=str(speed_lab.folder / "home"))
    }
    if fresh:
        script = ["ssh", "-F", str(config), hosts[0].name, f"sh {STAGE}/script.sh"]
        found["shell script"] = lambda: timed(script)
    elif len(hosts) == 1:
        logins = " && ".join([f"ssh -F {config} {hosts[0].name} true"] * EXECUTIONS)
        found[f"{EXECUTIONS} x ssh host true"] = lambda: timed(["sh", "-c", logins])
    for flavour in flavours:
        found[f"Ansible, {flavour}"] = _ansible(speed_lab, flavour, config, [host.name for host in hosts])
    return found


def ssh_config(speed_lab: SpeedLab, links: Sequence[Link]) -> Path:
    """Write OpenSSH's configuration for the links."""
    path = speed_lab.folder / "ssh_config"
    entries = [
        f"Host {host.name}\n  HostName 127.0.0.1\n  Port {link.port}\n  User root\n  IdentityFile {host.key}\n"
        f"  UserKnownHostsFile {link.settings(speed_lab.folder)['ssh_known_hosts_file']}\n  LogLevel ERROR\n"
        "  StrictHostKeyChecking yes\n  BatchMode yes\n  IdentitiesOnly yes\n"
        for host, link in zip(speed_lab.hosts, links, strict=False)
    ]
    path.write_text("\n".join(entries))
    return path


def _ansible(speed_lab: SpeedLab, flavour: str, config: Path, names: Sequence[str]) -> Contender:
    """Returns a run of ansible-playbook, which opens new connections each time, like a scheduled job."""
    site, folder = ansible_site(), speed_lab.folder
    inventory, tasks = folder / "hosts", folder / f"playbook-{len(names)}.json"
    inventory.write_text("\n".join([*names, ""]))
    with_k3s = len(names) == 1
    tasks.write_text(json.dumps(playbook.compose(speed_lab.plan, speed_lab.recording, with_k3s, folder)))
    environment = {
        "ANSIBLE_SSH_ARGS": f"-F {config} -C -o ControlMaster=auto -o ControlPersist=60s",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_FORKS": "20",
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        "ANSIBLE_LOCALHOST_WARNING": "False",
    }
    if flavour == "mitogen":
        [plugins] = site.glob("lib/python*/site-packages/ansible_mitogen/plugins/strategy")
        environment |= {"ANSIBLE_STRATEGY_PLUGINS": str(plugins), "ANSIBLE_STRATEGY": "mitogen_linear"}

    def run() -> Cost:
        with tempfile.TemporaryDirectory(prefix="cp-") as sockets:
            command = [str(site / "bin" / "ansible-playbook"), "-i", str(inventory), str(tasks)]
            return timed(command, **environment, ANSIBLE_SSH_CONTROL_PATH_DIR=sockets)

    return run


def ansible_site() -> Path:
    """Returns the virtual environment with Ansible, and creates it at the first call."""
    site = current_lab().root / "ansible"
    if not (site / "bin" / "ansible-playbook").exists():
        log("installing Ansible")
        venv.create(site, with_pip=True)
        subprocess.run([str(site / "bin" / "pip"), "install", "--quiet", *ANSIBLE], check=True)
    return site
