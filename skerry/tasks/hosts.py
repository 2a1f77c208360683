"""Tasks that deploy to hosts, check them and undo a deploy."""

from __future__ import annotations

from invoke import Context

from skerry.tasks.cli import task
from skerry.tasks.help_texts import INVENTORIES, INVENTORY, JSON, YES


@task(help=INVENTORY)
def trust(context: Context, inventory: str) -> None:
    """Record the hosts' SSH keys; ask first unless ssh_fingerprint pins the key."""
    from skerry.commands.hosts import trust
    from skerry.commands.inventory import load

    trust.record(load(inventory))


@task(
    help=INVENTORY
    | JSON
    | {"deploy": "deploy script to run (default deploy/k3s.py)", "check": "verify afterwards (default yes)"}
)
def up(
    context: Context, inventory: str, deploy: str = "deploy/k3s.py", check: bool = True, json: bool = False
) -> int:
    """Deploy to the hosts, verify them, and list what was done."""
    from skerry.commands.hosts import up

    return up.show(inventory, deploy, check, json)


@task(help=INVENTORY | {"extent": "checks to run: prepare, harden, host (both) or k3s (all, default)"})
def verify(context: Context, inventory: str, extent: str = "k3s") -> int:
    """Run the acceptance checks against the hosts; exit code 1 when one fails."""
    from skerry.commands.hosts import verify
    from skerry.commands.inventory import load

    return verify.show(load(inventory), extent)


@task(help=INVENTORY | JSON)
def audit(context: Context, inventory: str, json: bool = False) -> int:
    """List every hardening control and where data is stored; exit code 3 when a control fails."""
    from skerry.commands.hosts import audit
    from skerry.commands.inventory import load

    return audit.show(load(inventory), json)


@task(help=INVENTORIES | JSON | {"deploy": "deploy script to compare with (default deploy/k3s.py)"})
def drift(context: Context, inventory: str, deploy: str = "deploy/k3s.py", json: bool = False) -> int:
    """List what `invoke up` would change and what Flux has not applied; exit code 3 when there is any."""
    from skerry.commands.hosts import drift
    from skerry.commands.inventory import load_all

    return drift.drift(load_all(inventory), deploy, json)


@task(help=INVENTORY | {"host": "reboot only this host (default: all, servers first)"})
def reboot(context: Context, inventory: str, host: str = "") -> None:
    """Reboot the hosts one by one: drain the node, reboot, and wait until it is healthy."""
    from skerry.commands.hosts import reboot

    reboot.reboot(inventory, host)


@task(help=INVENTORY | YES)
def unharden(context: Context, inventory: str, yes: bool = False) -> int:
    """Restore the files, services and kernel settings from before the hardening."""
    from skerry.commands.hosts import uninstall

    return uninstall.unharden(inventory, yes)


@task(help=INVENTORY | YES | {"delete_volumes": "delete the data in local volumes, too"})
def uninstall(context: Context, inventory: str, delete_volumes: bool = False, yes: bool = False) -> int:
    """Drain the nodes, then remove K3s, its data and what else Skerry installed."""
    from skerry.commands.hosts import uninstall

    return uninstall.uninstall(inventory, delete_volumes, yes)


@task(name="artifacts-fetch", help=INVENTORY | {"arch": "amd64 (default) or arm64"})
def artifacts_fetch(context: Context, inventory: str, arch: str = "amd64") -> None:
    """Download all artifacts into the air-gap folder; needs internet access."""
    from skerry.commands.hosts import artifacts
    from skerry.commands.inventory import load

    artifacts.fetch_all(load(inventory).first_server.settings, arch)


@task(name="artifacts-lock", help=INVENTORY)
def artifacts_lock(context: Context, inventory: str) -> None:
    """Record the published checksums of this inventory's versions in the lock file."""
    from skerry.commands.hosts import artifacts
    from skerry.commands.inventory import load

    artifacts.lock_all(load(inventory).first_server.settings)
