"""The machines of the Vagrantfile, read from `vagrant ssh-config`.

vagrant up && invoke trust inventories/vagrant.py && invoke up inventories/vagrant.py
"""

import os as _os
import subprocess as _subprocess
from pathlib import Path as _Path

_project = _Path(__file__).parent.parent


def _ssh_config() -> dict[str, dict[str, str]]:
    """Each machine's SSH options, by its name. Raises SystemExit if a machine is not running."""
    try:
        process = _subprocess.run(
            ["vagrant", "ssh-config"], cwd=_project, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise SystemExit("vagrant is not installed; see https://developer.hashicorp.com/vagrant") from None
    if process.returncode != 0:
        reason = " ".join(process.stderr.split()).split(". ")[0].rstrip(".")
        raise SystemExit(f"vagrant ssh-config: {reason}. Are all machines of the Vagrantfile up?")
    machines: dict[str, dict[str, str]] = {}
    machine: dict[str, str] = {}
    for line in process.stdout.splitlines():
        key, _, value = line.strip().partition(" ")
        if key == "Host":
            machine = machines.setdefault(value, {})
        else:
            machine[key] = value.strip('"')
    return machines


def _folders() -> dict[str, _Path]:
    """Vagrant's folder of each machine, by the machine's name. `vagrant destroy` empties it."""
    machines = _project / _os.environ.get("VAGRANT_DOTFILE_PATH", ".vagrant") / "machines"
    return {file.parts[-3]: file.parent for file in machines.glob("*/*/id")}


def _hosts() -> list[tuple[str, dict[str, object]]]:
    """Each machine's name and data. Raises SystemExit if machines exist that the Vagrantfile no longer has."""
    machines, folders = _ssh_config(), _folders()
    if unknown := sorted(set(folders) - set(machines)):
        raise SystemExit(
            f"{', '.join(unknown)}: created with other SKERRY_SERVERS or SKERRY_AGENTS; export the same values"
        )
    return [
        (
            name,
            {
                "ssh_hostname": machine["HostName"],
                "ssh_port": int(machine["Port"]),
                "ssh_user": machine["User"],
                "ssh_key": machine["IdentityFile"],
                # Destroyed with the machine: the next one may have the same address, but has another key.
                "ssh_known_hosts_file": str(folders[name] / "known_hosts"),
                "_sudo": True,
            },
        )
        for name, machine in machines.items()
    ]


_all = _hosts()
servers = [_host for _host in _all if _host[0].startswith("server")]
agents = [_host for _host in _all if _host[0].startswith("agent")]
