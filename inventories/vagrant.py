"""The machines of the Vagrantfile, as `vagrant ssh-config` describes them.

vagrant up && invoke trust inventories/vagrant.py && invoke up inventories/vagrant.py
"""

import os as _os
import subprocess as _subprocess
from pathlib import Path as _Path

_project = _Path(__file__).parent.parent


def _ssh_config() -> dict[str, dict[str, str]]:
    """Each machine's connection by its name. Raises SystemExit with one line when one is not running."""
    try:
        shown = _subprocess.run(
            ["vagrant", "ssh-config"], cwd=_project, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise SystemExit("vagrant is not installed; see https://developer.hashicorp.com/vagrant") from None
    if shown.returncode != 0:
        reason = " ".join(shown.stderr.split()).split(". ")[0].rstrip(".")
        raise SystemExit(f"vagrant ssh-config: {reason}. Are all machines of the Vagrantfile up?")
    machines: dict[str, dict[str, str]] = {}
    machine: dict[str, str] = {}
    for line in shown.stdout.splitlines():
        key, _, value = line.strip().partition(" ")
        if key == "Host":
            machine = machines.setdefault(value, {})
        else:
            machine[key] = value.strip('"')
    return machines


def _folders() -> dict[str, _Path]:
    """Where vagrant keeps what it knows of a machine, by the machine's name; it empties it with `destroy`."""
    kept = _project / _os.environ.get("VAGRANT_DOTFILE_PATH", ".vagrant") / "machines"
    return {file.parts[-3]: file.parent for file in kept.glob("*/*/id")}


def _hosts() -> list[tuple[str, dict[str, object]]]:
    """Names and connections. Raises SystemExit when machines are up that the Vagrantfile now leaves out."""
    machines, folders = _ssh_config(), _folders()
    if unknown := sorted(set(folders) - set(machines)):
        raise SystemExit(
            f"{', '.join(unknown)}: made with other SKERRY_SERVERS or SKERRY_AGENTS than now; export the same ones"
        )
    return [
        (
            name,
            {
                "ssh_hostname": machine["HostName"],
                "ssh_port": int(machine["Port"]),
                "ssh_user": machine["User"],
                "ssh_key": machine["IdentityFile"],
                # Goes with the machine: the next one may have its address, and has another key.
                "ssh_known_hosts_file": str(folders[name] / "known_hosts"),
                "_sudo": True,
            },
        )
        for name, machine in machines.items()
    ]


_found = _hosts()
servers = [_host for _host in _found if _host[0].startswith("server")]
agents = [_host for _host in _found if _host[0].startswith("agent")]
