"""Inventories of lab hosts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skerry.lab.host import LabHost
from skerry.local.paths import PROJECT

HostSettings = tuple[LabHost, dict[str, Any]]


def host_data(host: LabHost) -> dict[str, Any]:
    """Returns how to reach a lab host, and settings for what it lacks: a time server, its own disk, its own kernel."""
    data: dict[str, Any] = {
        "ssh_hostname": host.address,
        "ssh_port": host.port,
        "ssh_user": host.user,
        "ssh_key": str(host.key),
        "ssh_known_hosts_file": str(host.known_hosts),
        "clock_sync_required": False,
        # Many hosts share this machine's disk, and an emulated CPU slows it down.
        "disk_gate": "warn",
    }
    if host.backend == "nspawn":
        data["k3s_protect_kernel_defaults"] = False
    return data


def write_inventory(folder: Path, servers: Sequence[HostSettings], agents: Sequence[HostSettings]) -> Path:
    """Write `harbour.py` with these hosts, each with its own settings, and link the project's defaults beside it."""
    folder.mkdir(exist_ok=True)
    defaults = folder / "group_data"
    if not defaults.exists():
        defaults.symlink_to(PROJECT / "inventories" / "group_data")
    groups = {
        group: [(host.name, {**host_data(host), **settings}) for host, settings in hosts]
        for group, hosts in (("servers", servers), ("agents", agents))
    }
    path = folder / "harbour.py"
    path.write_text("".join(f"{group} = {hosts!r}\n" for group, hosts in groups.items()))
    return path
