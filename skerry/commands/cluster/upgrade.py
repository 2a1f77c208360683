"""`invoke upgrade` and `invoke rollback`: the version of K3s on all hosts of a cluster, and back."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from skerry.commands.cluster.backup import backup
from skerry.commands.cluster.restore import restore
from skerry.commands.cluster.servers import answering, is_ready, nodes, reports, servers, shell
from skerry.commands.hosts.up import Stage, deploy
from skerry.commands.inventory import load
from skerry.local.files import replace
from skerry.local.paths import SKERRY
from skerry.model.errors import InputError
from skerry.model.k3s import upgrade as rules
from skerry.model.k3s.etcd import member_problem, quorum_blocker
from skerry.model.k3s.versions import K3sVersion, accepts_cgroup_v1, check_known
from skerry.remote import trust
from skerry.remote.inventory import Host, Inventory


@dataclass(frozen=True)
class Record:
    """An upgrade: from and to which version, and the backup from before."""

    before: str
    to: str
    archive: str


def upgrade(inventory_path: str, to: str) -> tuple[int, list[Stage]]:
    """Returns the exit code and the stages. Raises InputError, nothing touched, when it must not be done.

    A call that was cut off is continued by the next one; the backup from before stays the one to go back to.
    """
    wanted = K3sVersion.parse(to)
    check_known(wanted)
    inventory = load(inventory_path, k3s_version=to)
    server = answering(servers(inventory))
    known = nodes(server)
    running = {
        name: K3sVersion.parse(node["status"]["nodeInfo"]["kubeletVersion"]) for name, node in known.items()
    }
    hosts = {_hostname(host): host for host in inventory.hosts}
    rules.check(wanted, running, hosts)
    _check_cgroups(inventory, wanted)
    record, oldest = _read(inventory), min(running[name] for name in hosts if name in running)
    if oldest != wanted and not (record and record.to == to):
        _check_health(inventory, known)
        record = Record(str(oldest), to, "")
    if record and record.to == to and not record.archive:
        _say(f"backing up {inventory.name}, which runs {record.before}")
        record = Record(record.before, to, backup(inventory).archive)
        replace(_path(inventory), json.dumps(asdict(record)))
    return deploy(inventory_path, "deploy/k3s.py", {"k3s_version": to})


def rollback(inventory_path: str, yes: bool) -> tuple[int, list[Stage], str]:
    """Returns the exit code, the stages and the version. Raises InputError, nothing touched, without a way back."""
    inventory = load(inventory_path)
    if (record := _read(inventory)) is None:
        raise InputError(
            f"no upgrade of {inventory.name} is on record in {_path(inventory).parent}; nothing was changed"
        )
    before, to = K3sVersion.parse(record.before), K3sVersion.parse(record.to)
    data: dict[str, object] = {"k3s_version": record.before, "k3s_downgrade": True}
    if rules.needs_snapshot(to, before):
        _say(f"{before} cannot read what {to} has stored: the datastore goes back, too")
        code, stages = restore(inventory_path, record.archive, "", overwrite=True, yes=yes, data=data)
    else:
        if not yes and not trust.ask(f"Go back from {to} to {before} on all hosts of {inventory.name}?"):
            raise InputError("nothing was changed; confirm at a terminal, or say --yes")
        code, stages = deploy(inventory_path, "deploy/k3s.py", data)
    if code == 0:
        _path(inventory).unlink()
    return code, stages, record.before


def _check_health(inventory: Inventory, known: dict[str, dict[str, object]]) -> None:
    """Raises InputError unless every node is Ready and etcd could lose any one server."""
    if down := sorted(name for name, node in known.items() if not is_ready(node)):
        raise InputError(f"{', '.join(down)}: not Ready; mend that, or take it out, before an upgrade")
    if inventory.first_server.settings.k3s_datastore != "etcd":
        return
    said = reports(servers(inventory))
    for name in said:
        if why := member_problem(name, said) or quorum_blocker(name, said):
            raise InputError(f"{name}: {why}; mend that before an upgrade")


def _check_cgroups(inventory: Inventory, wanted: K3sVersion) -> None:
    """Raises InputError when a host has cgroup v1 and the version refuses that."""
    if accepts_cgroup_v1(wanted):
        return
    for host in inventory.hosts:
        if shell(host, "stat -fc %T /sys/fs/cgroup").strip() != "cgroup2fs":
            raise InputError(
                f"{host.name}: runs cgroup v1, which K3s {wanted} refuses; put systemd.unified_cgroup_hierarchy=1 "
                "on its kernel's command line, then `invoke reboot`"
            )


def _hostname(host: Host) -> str:
    return shell(host, "hostname").strip().lower()


def _path(inventory: Inventory) -> Path:
    return SKERRY / "upgrades" / f"{inventory.name}.json"


def _read(inventory: Inventory) -> Record | None:
    path = _path(inventory)
    return Record(**json.loads(path.read_text())) if path.is_file() else None


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
