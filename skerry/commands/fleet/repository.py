"""Scaffold and lint a fleet repository on this machine."""

from __future__ import annotations

import re
import runpy
import subprocess
from pathlib import Path

from skerry.commands.inventory import load
from skerry.fleet import scaffold, sops_config, upgrades
from skerry.fleet.lint.__main__ import show
from skerry.fleet.lint.run import lint as run_lint
from skerry.fleet.metadata import Upgrades
from skerry.local.paths import PROJECT
from skerry.model.artifacts import PINNED
from skerry.model.errors import InputError
from skerry.model.k3s.upgrade import batches
from skerry.model.k3s.versions import K3sVersion


def init(path: str, remote: str, inventory: str) -> None:
    """Make or update the repository, and report the files that were written or kept."""
    root = Path(path).expanduser().absolute()
    outcome = scaffold.init(root, _kubernetes_minor(inventory), PINNED["flux"], _skerry_url(), remote)
    has_keys = (root / sops_config.FILE).exists()
    _report(outcome, root, f"invoke fleet-lint {path}" if has_keys else f"invoke secrets-init {path}")


def add_app(name: str, path: str, image: str, port: int) -> None:
    """Add an application to base and to every cluster."""
    root = Path(path).expanduser().absolute()
    _report(scaffold.add_app(root, name, image, port), root, f"invoke fleet-lint {path}")


def add_cluster(name: str, path: str, like: str) -> None:
    """Add a cluster that runs every application."""
    root = Path(path).expanduser().absolute()
    _report(scaffold.add_cluster(root, name, like), root, f"invoke secrets-init {path}")


def add_upgrades(path: str, inventory_path: str) -> None:
    """Add upgrade plans and kured for the inventory's cluster, with the values of its settings."""
    inventory = load(inventory_path)
    settings = inventory.first_server.settings
    if not settings.flux_path:
        raise InputError(f"{inventory_path}: has no flux_path, which names the cluster's folder; set it")
    agents = [host.name for host in inventory.hosts if host.role == "agent"]
    values = Upgrades(
        version=settings.k3s_version,
        concurrency=len(batches(agents, settings.upgrade_batch_percent)[0]) if agents else 1,
        drain_seconds=settings.reboot_drain_seconds,
        window=settings.reboot_window,
    )
    upgrades.check(values)
    root = Path(path).expanduser().absolute()
    outcome = scaffold.add_upgrades(root, settings.flux_path.removeprefix("clusters/"), values)
    _report(outcome, root, f'set reboot_window = "" for {inventory_path}, then invoke fleet-lint {path}')


def _report(outcome: scaffold.Outcome, root: Path, next_command: str) -> None:
    """Print what changed. Names of written files are printed only if some files are unchanged."""
    if outcome.diff:
        print(outcome.diff, end="")
    if outcome.unchanged:
        print("".join(f"written: {path}\n" for path in outcome.written), end="")
    counts = f"{len(outcome.written)} written, {len(outcome.unchanged)} unchanged"
    kept = f", {len(outcome.kept)} kept because you edited them" if outcome.kept else ""
    print(f"{root}: {counts}{kept}. Next: {next_command}")


def _kubernetes_minor(inventory: str) -> str:
    """Returns the Kubernetes minor of the inventory's cluster, or of the default settings if `inventory` is ""."""
    if inventory:
        text = load(inventory).first_server.settings.k3s_version
    else:
        text = runpy.run_path(str(PROJECT / "inventories" / "group_data" / "all.py"))["k3s_version"]
    return "{}.{}".format(*K3sVersion.parse(text).kubernetes)


def _skerry_url() -> str:
    """Returns this checkout's Git remote, which CI clones; "" if it has none, a local one, or one with credentials."""
    command = ["git", "-C", str(PROJECT), "remote", "get-url", "origin"]
    url = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return url if re.fullmatch(r"(https://[^@\s]+|ssh://git@\S+|git@[\w.-]+:\S+)", url) else ""


def lint(path: str, as_json: bool) -> int:
    """Lint a repository. Returns the exit code."""
    return show(run_lint(Path(path).expanduser().resolve()), as_json)
