"""`invoke restore-drill`: an archive is restored on a throw-away host, where nothing of it may run, and read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pprint import pformat

from skerry import lab
from skerry.commands.cluster.backup import find, key_file
from skerry.commands.cluster.restore import Wish, bring_back, examine
from skerry.commands.cluster.servers import kubectl, nodes
from skerry.commands.hosts.up import Stage, deploy, timed
from skerry.commands.inventory import load
from skerry.local.files import replace as write
from skerry.local.paths import PROJECT, SKERRY
from skerry.model.k3s.backup import Manifest
from skerry.remote.inventory import Inventory

NAME = "drill-1"
# What the cluster's own settings must not do here: answer for it, write to its S3, change its Git, need its network.
APART: dict[str, object] = {
    "k3s_node_ip": "", "k3s_api_endpoint": "", "k3s_registration_endpoint": "", "k3s_tls_sans": [],
    "snapshot_schedule": "", "snapshot_s3": {}, "flux_forge": "none", "harden": False, "ssh_fingerprint": "",
    "k3s_protect_kernel_defaults": False, "clock_sync_required": False, "disk_gate": "warn", "disk_measure": False,
    "artifact_delivery": "push", "k3s_profile": "plain",
}  # fmt: skip
# Pods of the archive belong to nodes that are not here; without a scheduler no new one comes to this node.
QUIET = {"disable-scheduler": True}


def drill(inventory_path: str, name: str, key: str, backend: str) -> list[Stage]:
    """Every stage with its seconds; the last one says what was read back. The host is gone afterwards.

    Raises InputError when the archive must not be restored with these settings, LabError when there is no lab host.
    """
    inventory = load(inventory_path)
    wish = Wish(find(inventory.name, name), Path(key).expanduser() if key else key_file(inventory.name))
    stages: list[Stage] = []
    with _host(backend) as host, _inventory(inventory, host) as own:
        manifest = examine(own, wish, cluster=inventory.name)

        def bring() -> Stage:
            bring_back(own, wish, manifest)
            return Stage(
                "Archive", "done", f"{wish.path.name}, {len(manifest.files)} files, every checksum right"
            )

        stages.append(timed("Archive", bring))
        if stages[-1].result != "failed":
            code, deployed = deploy(str(own.path), "deploy/k3s.py", {})
            stages += deployed
            if code == 0:
                stages.append(timed("Read back", lambda: _read_back(own, manifest)))
    if all(stage.name != "Read back" for stage in stages):
        stages.append(Stage("Read back", "failed", "the archive could not be restored"))
    return stages


def _read_back(own: Inventory, manifest: Manifest) -> Stage:
    """The nodes of then are there, and every Secret decrypts."""
    known = nodes(own.first_server)
    secrets = json.loads(kubectl(own.first_server, "get", "--raw", "/api/v1/secrets"))["items"]
    former = sorted(set(known) - {NAME})
    if not former or not secrets:
        return Stage(
            "Read back", "failed", f"{len(former)} former node(s) and {len(secrets)} Secret(s) are there"
        )
    why = f"as of {manifest.created}: nodes {', '.join(former)}; {len(secrets)} Secret(s) decrypt"
    return Stage("Read back", "done", why)


@contextmanager
def _host(backend: str) -> Iterator[lab.LabHost]:
    if any(host.name == NAME for host in lab.hosts()):
        lab.down([NAME])  # what a drill that was killed has left
    try:
        [host] = [each for each in lab.up(backend=backend, names=[NAME]) if each.name == NAME]
        yield host
    finally:
        lab.down([NAME])


@contextmanager
def _inventory(inventory: Inventory, host: lab.LabHost) -> Iterator[Inventory]:
    """An inventory of the drill's host alone, with the settings of the cluster's first server."""
    settings = inventory.first_server.settings.model_dump()
    extra = {**settings["k3s_config_extra"], **QUIET}
    data = {
        **settings, **APART, "k3s_config_extra": extra,
        "ssh_hostname": host.address, "ssh_port": host.port, "ssh_user": host.user, "ssh_key": str(host.key),
        "ssh_known_hosts_file": str(host.known_hosts), "_sudo": False,
    }  # fmt: skip
    folder = SKERRY / "drills" / inventory.name
    path = folder / f"drill_{inventory.name}.py"
    write(path, f"servers = {pformat([(NAME, data)])}\nagents = []\n")
    link = folder / "group_data"
    if not link.exists():
        link.symlink_to(PROJECT / "inventories" / "group_data")
    try:
        yield load(str(path))
    finally:
        path.unlink()
