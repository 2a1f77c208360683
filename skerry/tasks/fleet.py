"""The fleet's tasks. Each is a signature, help for every argument, and a call into the code that does it."""

from __future__ import annotations

import sys

from invoke import Context

from skerry.tasks.cli import task

INVENTORY = {"inventory": "the cluster's inventory file, such as inventories/oslo.py"}
INVENTORIES = {"inventory": "the clusters' inventory files, comma-separated"}
PATH = {"path": "the fleet repository"}
JSON = {"json": "print JSON for machines"}
FILE = {"file": "a *.sops.yaml file in the fleet repository"}


@task(
    name="fleet-init",
    help=PATH
    | {"remote": "the Git remote to add as origin", "inventory": "the cluster whose versions to lint for"},
)
def fleet_init(context: Context, path: str, remote: str = "", inventory: str = "") -> None:
    """Scaffold the repository that Flux follows; again, without touching your edits."""
    from skerry.commands.fleet import fleet

    fleet.init(path, remote, inventory)


@task(
    name="fleet-add-app",
    help=PATH | {"name": "the application", "image": "its image", "port": "where it listens (default 8080)"},
)
def fleet_add_app(context: Context, name: str, path: str, image: str, port: int = 8080) -> None:
    """Add an application to base and to every cluster."""
    from skerry.commands.fleet import fleet

    fleet.add_app(name, path, image, port)


@task(
    name="fleet-add-cluster",
    help=PATH | {"name": "the cluster", "like": "its overlays' model: production or staging (default)"},
)
def fleet_add_cluster(context: Context, name: str, path: str, like: str = "staging") -> None:
    """Add a cluster that runs every application."""
    from skerry.commands.fleet import fleet

    fleet.add_cluster(name, path, like)


@task(name="fleet-add-upgrades", help=PATH | INVENTORY)
def fleet_add_upgrades(context: Context, path: str, inventory: str) -> None:
    """Have the inventory's cluster pull its hosts' K3s version and reboots from the repository."""
    from skerry.commands.fleet import fleet

    fleet.add_upgrades(path, inventory)


@task(name="fleet-lint", help=PATH | JSON)
def fleet_lint(context: Context, path: str, json: bool = False) -> None:
    """Render, validate and search for plaintext secrets; exit code 3 when something is wrong."""
    from skerry.commands.fleet import fleet

    sys.exit(fleet.lint(path, json))


@task(name="secrets-init", help=PATH | {"recovery": "public part (age1...) of a key that is offline already"})
def secrets_init(context: Context, path: str, recovery: str = "") -> None:
    """Make a key for each cluster and one for recovery, outside the repository."""
    from skerry.commands.fleet import fleet

    fleet.secrets_init(path, recovery)


@task(name="secrets-encrypt", help=FILE)
def secrets_encrypt(context: Context, file: str) -> None:
    """Encrypt a Secret piped in, or a plaintext file in place."""
    from skerry.commands.fleet import fleet

    fleet.secrets_encrypt(file)


@task(name="secrets-edit", help=FILE)
def secrets_edit(context: Context, file: str) -> None:
    """Edit an encrypted file; its plaintext stays in memory."""
    from skerry.commands.fleet import fleet

    fleet.secrets_edit(file)


@task(name="secrets-rotate", help=PATH)
def secrets_rotate(context: Context, path: str) -> None:
    """Give every encrypted file the recipients of .sops.yaml and a new data key."""
    from skerry.commands.fleet import fleet

    fleet.secrets_rotate(path)


@task(name="secrets-check", help=PATH | JSON)
def secrets_check(context: Context, path: str, json: bool = False) -> None:
    """Check keys and every encrypted file; exit code 3 when something is wrong."""
    from skerry.commands.fleet import fleet

    sys.exit(fleet.secrets_check(path, json))


@task(
    name="flux-bootstrap", help=INVENTORY | {"adopt": "take over a folder that another cluster has followed"}
)
def flux_bootstrap(context: Context, inventory: str, adopt: bool = False) -> None:
    """Hand the cluster over to its Git repository, and wait until it follows."""
    from skerry.commands.fleet import flux
    from skerry.commands.inventory import load

    flux.bootstrap(load(inventory), adopt)


@task(name="flux-status", help=INVENTORY | JSON)
def flux_status(context: Context, inventory: str, json: bool = False) -> None:
    """Show what follows Git and what does not; exit code 3 when something does not."""
    from skerry.commands.fleet import flux
    from skerry.commands.inventory import load

    sys.exit(flux.status(load(inventory), json))


@task(name="flux-suspend", help=INVENTORY)
def flux_suspend(context: Context, inventory: str) -> None:
    """Stop applying changes from Git, for work by hand."""
    from skerry.commands.fleet import flux
    from skerry.commands.inventory import load

    flux.switch(load(inventory), suspended=True)


@task(name="flux-resume", help=INVENTORY)
def flux_resume(context: Context, inventory: str) -> None:
    """Follow Git again."""
    from skerry.commands.fleet import flux
    from skerry.commands.inventory import load

    flux.switch(load(inventory), suspended=False)


@task(name="flux-uninstall", help=INVENTORY | {"yes": "do not ask"})
def flux_uninstall(context: Context, inventory: str, yes: bool = False) -> None:
    """Remove Flux; what it has applied stays."""
    from skerry.commands.fleet import flux
    from skerry.commands.inventory import load

    flux.uninstall(load(inventory), yes)


@task(name="rotate-deploy-key", help=INVENTORY)
def rotate_deploy_key(context: Context, inventory: str) -> None:
    """Give Flux a new key to its repository."""
    from skerry.commands.fleet import flux
    from skerry.commands.inventory import load

    flux.rotate_deploy_key(load(inventory))


@task(help=INVENTORIES | JSON | {"deploy": "the deploy script to compare with"})
def drift(context: Context, inventory: str, deploy: str = "deploy/k3s.py", json: bool = False) -> None:
    """Tell what `invoke up` would change and what does not follow Git; exit code 3 when anything."""
    from skerry.commands.hosts import drift as looking
    from skerry.commands.inventory import load_all

    sys.exit(looking.drift(load_all(inventory), deploy, json))
