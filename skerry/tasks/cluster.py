"""Day two's tasks. Each is a signature, help for every argument, and a call into the code that does it."""

from __future__ import annotations

import sys

from invoke import Context

from skerry.tasks.cli import task
from skerry.tasks.fleet import INVENTORIES, INVENTORY, JSON

KEY = {"key": "the age key that opens the archive (default: this machine's own for the cluster)"}
ARCHIVE = {"archive": 'its file, its name in .skerry/backups, or "latest"'}
YES = {"yes": "do not ask"}


@task(
    help=INVENTORIES
    | JSON
    | {
        "watch": "look again and again, until Ctrl-C",
        "every": "seconds between two looks of --watch (default 5)",
        "drift": "also tell what `invoke up` would change (default yes; with --watch only once)",
    }
)
def status(
    context: Context,
    inventory: str,
    json: bool = False,
    watch: bool = False,
    every: float = 5.0,
    drift: bool = True,
) -> None:
    """Show how the hosts of one or more clusters are, worst first; exit code 3 when one needs a person."""
    from skerry.commands.cluster import status as looking
    from skerry.commands.inventory import load_all

    sys.exit(looking.show(load_all(inventory), json, watch, every, drift))


@task(help=INVENTORY | {"host": "this host alone (default: all, servers first)"})
def reboot(context: Context, inventory: str, host: str = "") -> None:
    """Reboot the hosts one by one, drained before and proven after."""
    from skerry.commands.hosts.reboot import reboot as roll

    roll(inventory, host)
    print(f"Next: invoke status {inventory}")


@task(
    name="node-remove",
    help=INVENTORY
    | YES
    | {"name": "the host or node", "delete_volumes": "give up the data in local volumes"},
)
def node_remove(
    context: Context, inventory: str, name: str, delete_volumes: bool = False, yes: bool = False
) -> None:
    """Drain a node, take it out of the cluster and of etcd, and clear its host."""
    from skerry.commands.cluster.node_remove import remove

    sys.exit(remove(inventory, name, delete_volumes, yes))


@task(help=INVENTORY | JSON)
def backup(context: Context, inventory: str, json: bool = False) -> None:
    """Bring datastore, tokens and configuration here, in one encrypted archive that was read back."""
    from skerry.commands.cluster import backup as taking
    from skerry.commands.inventory import load

    taking.show(taking.backup(load(inventory)), inventory, json)


@task(
    help=INVENTORY
    | ARCHIVE
    | KEY
    | YES
    | JSON
    | {"overwrite": "give up what a cluster that runs has written since"}
)
def restore(
    context: Context,
    inventory: str,
    archive: str,
    key: str = "",
    overwrite: bool = False,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Make the cluster what it was when a backup was taken, on the same hosts or on fresh ones."""
    from skerry.commands.cluster.restore import restore as run_restore
    from skerry.commands.hosts.up import finish

    code, stages = run_restore(inventory, archive, key, overwrite, yes)
    following = f"invoke status {inventory}" if code == 0 else f"mend what failed, then invoke up {inventory}"
    sys.exit(finish(code, stages, following, json))


@task(
    name="restore-drill",
    help=INVENTORY
    | ARCHIVE
    | KEY
    | JSON
    | {"backend": "nspawn (root, fast) or qemu (own kernel); default nspawn"},
)
def restore_drill(
    context: Context,
    inventory: str,
    archive: str = "latest",
    key: str = "",
    backend: str = "nspawn",
    json: bool = False,
) -> None:
    """Prove an archive: restore it on a throw-away host, where nothing of it runs, and read it back."""
    from skerry.commands.cluster.drill import drill
    from skerry.commands.hosts.up import finish

    stages = drill(inventory, archive, key, backend)
    failed = any(stage.result == "failed" for stage in stages)
    following = "another archive, and find out why" if failed else "nothing; the host is gone"
    sys.exit(finish(int(failed), stages, following, json))


@task(help=INVENTORY | JSON | {"to": "the K3s version, such as v1.36.3+k3s1"})
def upgrade(context: Context, inventory: str, to: str, json: bool = False) -> None:
    """Bring all hosts to another K3s version: backup, servers one by one, then agents in batches, all drained."""
    from skerry.commands.cluster.upgrade import upgrade as run_upgrade
    from skerry.commands.hosts.up import finish

    code, stages = run_upgrade(inventory, to)
    done = f'set k3s_version = "{to}" in the settings of {inventory}'
    following = (
        done
        if code == 0
        else f"mend what failed, then invoke upgrade {inventory} --to {to}; or invoke rollback"
    )
    sys.exit(finish(code, stages, following, json))


@task(help=INVENTORY | YES | JSON)
def rollback(context: Context, inventory: str, yes: bool = False, json: bool = False) -> None:
    """Go back to the version before the last upgrade; across minors with the datastore of then."""
    from skerry.commands.cluster.upgrade import rollback as run_rollback
    from skerry.commands.hosts.up import finish

    code, stages, version = run_rollback(inventory, yes)
    done = f'set k3s_version = "{version}" in the settings of {inventory}'
    sys.exit(
        finish(
            code, stages, done if code == 0 else f"mend what failed, then invoke rollback {inventory}", json
        )
    )
