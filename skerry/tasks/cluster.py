"""Tasks that look after a running cluster."""

from __future__ import annotations

from invoke import Context

from skerry.tasks.cli import task
from skerry.tasks.help_texts import INVENTORIES, INVENTORY, JSON, YES

ARCHIVE = {"archive": 'file of the archive, its name in .skerry/backups, or "latest"'}
KEY = {"key": "age key that opens the archive (default: the cluster's key on this machine)"}


@task(
    help=INVENTORIES
    | JSON
    | {
        "watch": "repeat until Ctrl-C",
        "every": "seconds between two looks with --watch (default 5)",
        "drift": "count what `invoke up` would change, once with --watch (default yes)",
    }
)
def status(
    context: Context,
    inventory: str,
    json: bool = False,
    watch: bool = False,
    every: float = 5.0,
    drift: bool = True,
) -> int:
    """Show the state of every host, worst first; exit code 3 when one needs attention."""
    from skerry.commands.cluster import status
    from skerry.commands.inventory import load_all

    return status.show(load_all(inventory), json, watch, every, drift)


@task(
    help=INVENTORY
    | {
        "context_name": "name of the context (default: the cluster's)",
        "file": "kubeconfig to change (default: the first of $KUBECONFIG, else ~/.kube/config)",
    }
)
def kubeconfig(context: Context, inventory: str, context_name: str = "", file: str = "") -> None:
    """Merge the cluster's administrator access into your kubeconfig."""
    from skerry.commands.cluster import kubeconfig
    from skerry.commands.inventory import load

    kubeconfig.show(load(inventory), context_name, file)


@task(
    name="node-remove",
    help=INVENTORY
    | YES
    | {"name": "name of the host or node", "delete_volumes": "delete the data in local volumes, too"},
)
def node_remove(
    context: Context, inventory: str, name: str, delete_volumes: bool = False, yes: bool = False
) -> int:
    """Drain a node, remove it from the cluster and from etcd, and uninstall K3s from its host."""
    from skerry.commands.cluster import node_remove

    return node_remove.remove(inventory, name, delete_volumes, yes)


@task(help=INVENTORY | JSON)
def backup(context: Context, inventory: str, json: bool = False) -> None:
    """Store datastore, tokens and configuration here in one encrypted archive, and check it."""
    from skerry.commands.cluster import backup
    from skerry.commands.inventory import load

    backup.show(load(inventory), json)


@task(
    help=INVENTORY
    | ARCHIVE
    | KEY
    | YES
    | JSON
    | {"overwrite": "discard what a running cluster has written since the backup"}
)
def restore(
    context: Context,
    inventory: str,
    archive: str,
    key: str = "",
    overwrite: bool = False,
    yes: bool = False,
    json: bool = False,
) -> int:
    """Restore the cluster from a backup, on the same hosts or on new ones."""
    from skerry.commands.cluster import restore

    return restore.run(inventory, archive, key, overwrite, yes, json)


@task(
    name="restore-drill",
    help=INVENTORY
    | ARCHIVE
    | KEY
    | JSON
    | {"backend": "nspawn (needs root, fast; default) or qemu (own kernel)"},
)
def restore_drill(
    context: Context,
    inventory: str,
    archive: str = "latest",
    key: str = "",
    backend: str = "nspawn",
    json: bool = False,
) -> int:
    """Test a backup: restore it on a throw-away host, isolated from the cluster, and read it back."""
    from skerry.commands.cluster import drill

    return drill.show(inventory, archive, key, backend, json)


@task(help=INVENTORY | JSON | {"to": "K3s version, such as v1.36.3+k3s1"})
def upgrade(context: Context, inventory: str, to: str, json: bool = False) -> int:
    """Back up, then change K3s's version: servers one by one, agents in batches, each drained first."""
    from skerry.commands.cluster import upgrade

    return upgrade.show_upgrade(inventory, to, json)


@task(help=INVENTORY | YES | JSON)
def rollback(context: Context, inventory: str, yes: bool = False, json: bool = False) -> int:
    """Undo the last upgrade; restores the datastore from before it if the minor version differs."""
    from skerry.commands.cluster import upgrade

    return upgrade.show_rollback(inventory, yes, json)


@task(
    name="etcd-latency",
    help=INVENTORY | JSON | {"url": "URL of etcd's metrics on the host (default port 2381 of localhost)"},
)
def etcd_latency(
    context: Context, inventory: str, url: str = "http://127.0.0.1:2381/metrics", json: bool = False
) -> int:
    """Compare etcd's disk latency with the measured prediction; exit code 3 when it is too slow."""
    from skerry.commands.cluster import etcd_latency
    from skerry.commands.inventory import load

    return etcd_latency.show(load(inventory), url, json)
