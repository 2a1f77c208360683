"""`invoke restore-drill`: restore an archive on a throw-away host, isolated from the cluster, and read it back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pprint import pformat

from skerry import lab
from skerry.commands.cluster.control_plane import kubectl, nodes
from skerry.commands.cluster.restore import restore_request, stage_restore, validate_backup
from skerry.commands.hosts.up import deploy
from skerry.commands.inventory import load
from skerry.commands.stages import Stage, finish, timed
from skerry.local.exit_codes import DONE, FAILED
from skerry.local.files import replace
from skerry.local.paths import DRILLS, PROJECT
from skerry.model.k3s.backup import Manifest
from skerry.remote.inventory import Inventory

NAME = "drill-1"
# Overrides that isolate the drill's host from the real cluster: no S3, Git, endpoints or hardening.
DRILL_OVERRIDES: dict[str, object] = {
    "k3s_node_ip": "", "k3s_api_endpoint": "", "k3s_registration_endpoint": "", "k3s_tls_sans": [],
    "snapshot_schedule": "", "snapshot_s3": {}, "flux_forge": "none", "harden": False, "ssh_fingerprint": "",
    "k3s_protect_kernel_defaults": False, "clock_sync_required": False, "disk_gate": "warn", "disk_measure": False,
    "artifact_delivery": "push", "k3s_profile": "plain",
}  # fmt: skip
# Without a scheduler no new pod starts. The archive's pods are bound to nodes that do not exist here.
NO_SCHEDULER = {"disable-scheduler": True}


def show(inventory_path: str, name: str, key: str, backend: str, as_json: bool) -> int:
    """Run the drill, and print the stages. Returns the exit code."""
    stages = drill(inventory_path, name, key, backend)
    if any(stage.result == "failed" for stage in stages):
        return finish(FAILED, stages, "find out why it failed, and try another archive", as_json)
    return finish(DONE, stages, "nothing; the host has been removed", as_json)


def drill(inventory_path: str, name: str, key: str, backend: str) -> list[Stage]:
    """Restore on a new lab host, read back, and remove the host. Returns the stages.

    Raises InputError if the archive must not be restored with these settings, LabError if the lab host does not boot.
    """
    inventory = load(inventory_path)
    request = restore_request(inventory, name, key)
    stages: list[Stage] = []
    with _host(backend) as host, _drill_inventory(inventory, host) as drilled:
        manifest = validate_backup(drilled, request, cluster=inventory.name)

        def upload() -> Stage:
            stage_restore(drilled, request, manifest)
            why = f"{request.path.name}, {len(manifest.files)} files, all checksums right"
            return Stage("Archive", "done", why)

        stages.append(timed("Archive", upload))
        if stages[-1].result != "failed":
            code, deployed = deploy(str(drilled.path), "deploy/k3s.py", {})
            stages += deployed
            if code == 0:
                stages.append(timed("Read back", lambda: _read_back(drilled, manifest)))
    if all(stage.name != "Read back" for stage in stages):
        stages.append(Stage("Read back", "failed", "the archive could not be restored"))
    return stages


def _read_back(drilled: Inventory, manifest: Manifest) -> Stage:
    """List nodes, and Secrets, which K3s decrypts. Fails without a Secret or a node besides the drill's own."""
    known = nodes(drilled.first_server)
    secrets = json.loads(kubectl(drilled.first_server, "get", "--raw", "/api/v1/secrets"))["items"]
    archived = sorted(set(known) - {NAME})
    if not archived or not secrets:
        why = f"restored {len(archived)} node(s) and {len(secrets)} Secret(s); expected at least one of each"
        return Stage("Read back", "failed", why)
    why = f"as of {manifest.created}: nodes {', '.join(archived)}; {len(secrets)} Secret(s) decrypt"
    return Stage("Read back", "done", why)


@contextmanager
def _host(backend: str) -> Iterator[lab.LabHost]:
    """Yield a new lab host and remove it at the end. A host that a killed drill has left is removed first."""
    if any(host.name == NAME for host in lab.hosts()):
        lab.down([NAME])
    try:
        [host] = [host for host in lab.up(backend=backend, names=[NAME]) if host.name == NAME]
        yield host
    finally:
        lab.down([NAME])


@contextmanager
def _drill_inventory(inventory: Inventory, host: lab.LabHost) -> Iterator[Inventory]:
    """Yield an inventory of only the lab host, with the settings of the cluster's first server and DRILL_OVERRIDES."""
    settings = inventory.first_server.settings.model_dump()
    extra = {**settings["k3s_config_extra"], **NO_SCHEDULER}
    data = {
        **settings, **DRILL_OVERRIDES, "k3s_config_extra": extra,
        "ssh_hostname": host.address, "ssh_port": host.port, "ssh_user": host.user, "ssh_key": str(host.key),
        "ssh_known_hosts_file": str(host.known_hosts), "_sudo": False,
    }  # fmt: skip
    folder = DRILLS / inventory.name
    path = folder / f"drill_{inventory.name}.py"
    replace(path, f"servers = {pformat([(NAME, data)])}\nagents = []\n")
    group_data = folder / "group_data"
    if not group_data.exists():
        group_data.symlink_to(PROJECT / "inventories" / "group_data")
    try:
        yield load(str(path))
    finally:
        path.unlink()
