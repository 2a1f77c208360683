"""Tasks for the fleet repository, its secrets, and Flux."""

from __future__ import annotations

from invoke import Context

from skerry.tasks.cli import task
from skerry.tasks.help_texts import INVENTORY, JSON, YES

PATH = {"path": "folder of the fleet repository"}
FILE = {"file": "a *.sops.yaml file in the fleet repository"}


@task(
    name="fleet-init",
    help=PATH
    | {
        "remote": "Git URL to add as origin",
        "inventory": "inventory of the cluster whose versions fleet-lint checks against",
    },
)
def fleet_init(context: Context, path: str, remote: str = "", inventory: str = "") -> None:
    """Create the Git repository that Flux follows, or update it; your edits are kept."""
    from skerry.commands.fleet import repository

    repository.init(path, remote, inventory)


@task(
    name="fleet-add-app",
    help=PATH
    | {"name": "name of the application", "image": "its image", "port": "port it listens on (default 8080)"},
)
def fleet_add_app(context: Context, name: str, path: str, image: str, port: int = 8080) -> None:
    """Add an application to the base and to every cluster of the fleet repository."""
    from skerry.commands.fleet import repository

    repository.add_app(name, path, image, port)


@task(
    name="fleet-add-cluster",
    help=PATH
    | {"name": "name of the cluster", "like": "overlays to copy: production or staging (default staging)"},
)
def fleet_add_cluster(context: Context, name: str, path: str, like: str = "staging") -> None:
    """Add a cluster that runs every application of the fleet repository."""
    from skerry.commands.fleet import repository

    repository.add_cluster(name, path, like)


@task(name="fleet-add-upgrades", help=PATH | INVENTORY)
def fleet_add_upgrades(context: Context, path: str, inventory: str) -> None:
    """Let the cluster pull its hosts' K3s version and reboots from the fleet repository."""
    from skerry.commands.fleet import repository

    repository.add_upgrades(path, inventory)


@task(name="fleet-lint", help=PATH | JSON)
def fleet_lint(context: Context, path: str, json: bool = False) -> int:
    """Render and validate all manifests and search for plaintext secrets; exit code 3 for problems."""
    from skerry.commands.fleet import repository

    return repository.lint(path, json)


@task(
    name="secrets-init",
    help=PATH | {"recovery": "public part (age1...) of a recovery key that you keep offline"},
)
def secrets_init(context: Context, path: str, recovery: str = "") -> None:
    """Create an age key for each cluster and one for recovery, outside the repository."""
    from skerry.commands.fleet import secrets

    secrets.init(path, recovery)


@task(name="secrets-encrypt", help=FILE)
def secrets_encrypt(context: Context, file: str) -> None:
    """Encrypt a Secret from standard input, or a plaintext file in place."""
    from skerry.commands.fleet import secrets

    secrets.encrypt(file)


@task(name="secrets-edit", help=FILE)
def secrets_edit(context: Context, file: str) -> None:
    """Edit an encrypted file; its plaintext stays in memory."""
    from skerry.commands.fleet import secrets

    secrets.edit(file)


@task(name="secrets-rotate", help=PATH)
def secrets_rotate(context: Context, path: str) -> None:
    """Re-encrypt every file for the recipients in .sops.yaml, with a new data key."""
    from skerry.commands.fleet import secrets

    secrets.rotate(path)


@task(name="secrets-check", help=PATH | JSON)
def secrets_check(context: Context, path: str, json: bool = False) -> int:
    """Check the keys and every encrypted file; exit code 3 for problems."""
    from skerry.commands.fleet import secrets

    return secrets.check(path, json)


@task(
    name="flux-bootstrap", help=INVENTORY | {"adopt": "take over a folder that another cluster has followed"}
)
def flux_bootstrap(context: Context, inventory: str, adopt: bool = False) -> None:
    """Hand the cluster over to its Git repository and wait until Flux has applied it."""
    from skerry.commands.fleet import flux
    from skerry.commands.inventory import load

    flux.bootstrap(load(inventory), adopt)


@task(name="flux-status", help=INVENTORY | JSON)
def flux_status(context: Context, inventory: str, json: bool = False) -> int:
    """Show the state of every Flux object; exit code 3 when one is not Ready."""
    from skerry.commands.fleet import flux
    from skerry.commands.inventory import load

    return flux.status(load(inventory), json)


@task(name="flux-suspend", help=INVENTORY)
def flux_suspend(context: Context, inventory: str) -> None:
    """Suspend Flux: changes in Git wait until `invoke flux-resume`."""
    from skerry.commands.fleet import flux
    from skerry.commands.inventory import load

    flux.switch(load(inventory), suspended=True)


@task(name="flux-resume", help=INVENTORY)
def flux_resume(context: Context, inventory: str) -> None:
    """Resume Flux: changes in Git are applied again."""
    from skerry.commands.fleet import flux
    from skerry.commands.inventory import load

    flux.switch(load(inventory), suspended=False)


@task(name="flux-uninstall", help=INVENTORY | YES)
def flux_uninstall(context: Context, inventory: str, yes: bool = False) -> None:
    """Remove Flux from the cluster; what it has applied stays."""
    from skerry.commands.fleet import flux
    from skerry.commands.inventory import load

    flux.uninstall(load(inventory), yes)


@task(name="rotate-deploy-key", help=INVENTORY)
def rotate_deploy_key(context: Context, inventory: str) -> None:
    """Replace the deploy key with which Flux reads its repository."""
    from skerry.commands.fleet import flux
    from skerry.commands.inventory import load

    flux.rotate_deploy_key(load(inventory))
