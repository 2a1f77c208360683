"""`invoke upgrade` and `invoke rollback`: change K3s's version on all hosts of a cluster, and undo it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from skerry.commands.cluster.backup import backup
from skerry.commands.cluster.control_plane import (
    etcd_reports,
    is_ready,
    node_name,
    nodes,
    ready_server,
    servers,
    shell,
)
from skerry.commands.cluster.restore import restore
from skerry.commands.hosts.up import deploy
from skerry.commands.inventory import load
from skerry.commands.stages import Stage, finish
from skerry.local.console import log, require_confirmation
from skerry.local.files import replace
from skerry.local.paths import UPGRADES
from skerry.model.errors import InputError
from skerry.model.k3s import upgrade as rules
from skerry.model.k3s.etcd import member_problem, quorum_blocker
from skerry.model.k3s.versions import K3sVersion, accepts_cgroup_v1, check_known
from skerry.remote.inventory import Inventory


@dataclass(frozen=True)
class UpgradeRecord:
    """The last upgrade. `before`: the oldest version that a host ran; `archive`: the backup, "" until it is taken."""

    before: str
    to: str
    archive: str


def show_upgrade(inventory_path: str, to: str, as_json: bool) -> int:
    """Upgrade, and print the stages. Returns the exit code."""
    code, stages = upgrade(inventory_path, to)
    failed = f"fix what failed, then invoke upgrade {inventory_path} --to {to}; or invoke rollback"
    return finish(code, stages, failed if code else _pin(to, inventory_path), as_json)


def show_rollback(inventory_path: str, yes: bool, as_json: bool) -> int:
    """Roll back, and print the stages. Returns the exit code."""
    code, stages, version = rollback(inventory_path, yes)
    failed = f"fix what failed, then invoke rollback {inventory_path}"
    return finish(code, stages, failed if code else _pin(version, inventory_path), as_json)


def _pin(version: str, inventory_path: str) -> str:
    return f'set k3s_version = "{version}" in the settings of {inventory_path}'


def upgrade(inventory_path: str, to: str) -> tuple[int, list[Stage]]:
    """Back up, then deploy the version. Returns the exit code and the stages.

    A call after an interruption continues, and keeps the first call's backup: `rollback` restores that state.
    Raises InputError before any change if the upgrade is not allowed.
    """
    version = K3sVersion.parse(to)
    check_known(version)
    inventory = load(inventory_path, k3s_version=to)
    known = nodes(ready_server(servers(inventory)))
    running = {
        name: K3sVersion.parse(node["status"]["nodeInfo"]["kubeletVersion"]) for name, node in known.items()
    }
    own = [node_name(host) for host in inventory.hosts]
    rules.check_upgrade(version, running, own)
    _check_cgroups(inventory, version)
    record, oldest = _read_record(inventory), min(running[name] for name in own if name in running)
    if oldest != version and not (record and record.to == to):
        _check_health(inventory, known)
        record = UpgradeRecord(str(oldest), to, "")
    if record and record.to == to and not record.archive:
        log(f"backing up {inventory.name}, which runs {record.before}")
        record = UpgradeRecord(record.before, to, backup(inventory).archive)
        replace(_record_file(inventory), json.dumps(asdict(record)))
    return deploy(inventory_path, "deploy/k3s.py", {"k3s_version": to})


def rollback(inventory_path: str, yes: bool) -> tuple[int, list[Stage], str]:
    """Undo the last upgrade. Returns the exit code, the stages and the version from before the upgrade.

    Raises InputError before any change if no upgrade is recorded or the user does not confirm.
    """
    inventory = load(inventory_path)
    if (record := _read_record(inventory)) is None:
        raise InputError(f"no upgrade of {inventory.name} is on record in {UPGRADES}; nothing was changed")
    before, to = K3sVersion.parse(record.before), K3sVersion.parse(record.to)
    data: dict[str, object] = {"k3s_version": record.before, "k3s_downgrade": True}
    if rules.needs_snapshot(to, before):
        log(f"{before} cannot read what {to} has stored: the datastore is restored, too")
        code, stages = restore(inventory_path, record.archive, "", overwrite=True, yes=yes, data=data)
    else:
        require_confirmation(f"Return from {to} to {before} on all hosts of {inventory.name}?", yes)
        code, stages = deploy(inventory_path, "deploy/k3s.py", data)
    if code == 0:
        _record_file(inventory).unlink()
    return code, stages, record.before


def _check_health(inventory: Inventory, known: dict[str, dict[str, object]]) -> None:
    """Check that nodes are Ready and etcd can spare each server, unless it is the only one. Raises InputError."""
    if down := sorted(name for name, node in known.items() if not is_ready(node)):
        raise InputError(f"{', '.join(down)}: not Ready; repair or remove it before an upgrade")
    if inventory.first_server.settings.k3s_datastore != "etcd":
        return
    reports = etcd_reports(servers(inventory))
    for name in reports:
        if why := member_problem(name, reports) or quorum_blocker(name, reports):
            raise InputError(f"{name}: {why}; repair that before an upgrade")


def _check_cgroups(inventory: Inventory, version: K3sVersion) -> None:
    """Check that no host runs cgroup v1 if the version refuses that. Raises InputError for the first such host."""
    if accepts_cgroup_v1(version):
        return
    for host in inventory.hosts:
        if shell(host, "stat -fc %T /sys/fs/cgroup").strip() != "cgroup2fs":
            raise InputError(
                f"{host.name}: runs cgroup v1, which K3s {version} refuses; add "
                "systemd.unified_cgroup_hierarchy=1 to its kernel command line, then `invoke reboot`"
            )


def _record_file(inventory: Inventory) -> Path:
    return UPGRADES / f"{inventory.name}.json"


def _read_record(inventory: Inventory) -> UpgradeRecord | None:
    file = _record_file(inventory)
    return UpgradeRecord(**json.loads(file.read_text())) if file.is_file() else None
