"""The machines of the Vagrantfile, as `vagrant ssh-config` describes them.

vagrant up && invoke up inventories/vagrant.py
"""

import subprocess as _subprocess
from pathlib import Path as _Path

_project = _Path(__file__).parent.parent


def _machines() -> dict[str, dict[str, object]]:
    """Each running machine's connection by its name. Raises SystemExit with one line when there is none."""
    try:
        shown = _subprocess.run(
            ["vagrant", "ssh-config"], cwd=_project, capture_output=True, text=True, check=False
        ).stdout
    except FileNotFoundError:
        raise SystemExit("vagrant is not installed; see https://developer.hashicorp.com/vagrant") from None
    machines: dict[str, dict[str, object]] = {}
    words = [line.split(None, 1) for line in shown.splitlines() if line.strip()]
    for key, value in words:
        if key == "Host":
            current = machines.setdefault(value, {})
        else:
            current[key] = value.strip('"')
    if not machines:
        raise SystemExit("no Vagrant machine is running; run `vagrant up` first")
    return machines


def _hosts(group: str) -> list[tuple[str, dict[str, object]]]:
    """Names and connections of a group: its machines are named server-1, agent-1 and so on."""
    return [
        (
            name,
            {
                "ssh_hostname": machine["HostName"],
                "ssh_port": int(str(machine["Port"])),
                "ssh_user": machine["User"],
                "ssh_key": machine["IdentityFile"],
                "ssh_known_hosts_file": str(_project / ".vagrant" / "known_hosts"),
                "_sudo": True,
            },
        )
        for name, machine in _machines().items()
        if name.startswith(group)
    ]


servers = _hosts("server")
agents = _hosts("agent")
