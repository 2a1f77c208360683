"""The fleet's tasks on this machine: what each says, and how it ends."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

from skerry.commands.inventory import load
from skerry.fleet import keys, pull, scaffold, secrets
from skerry.fleet.lint.__main__ import show
from skerry.fleet.lint.run import lint as run_lint
from skerry.fleet.record import Upgrades
from skerry.local.exit_codes import NOT_AS_WANTED
from skerry.local.paths import PROJECT
from skerry.model.artifacts import PINNED
from skerry.model.errors import InputError
from skerry.model.k3s.upgrade import batches
from skerry.model.k3s.versions import K3sVersion


def init(path: str, remote: str, inventory: str) -> None:
    """Scaffold, and tell what was written, kept, and how that differs."""
    root = Path(path).expanduser().absolute()
    outcome = scaffold.init(root, _kubernetes(inventory), PINNED["flux"], _own_url(), remote)
    following = (
        f"invoke secrets-init {path}" if not (root / keys.CONFIG).exists() else f"invoke fleet-lint {path}"
    )
    _tell(outcome, root, following)


def add_app(name: str, path: str, image: str, port: int) -> None:
    root = Path(path).expanduser().absolute()
    _tell(scaffold.add_app(root, name, image, port), root, f"invoke fleet-lint {path}")


def add_cluster(name: str, path: str, like: str) -> None:
    root = Path(path).expanduser().absolute()
    _tell(scaffold.add_cluster(root, name, like), root, f"invoke secrets-init {path}")


def add_upgrades(path: str, inventory_path: str) -> None:
    """Write the plans from an inventory's settings, and say which of these the hosts have to leave to them."""
    inventory = load(inventory_path)
    settings, agents = (
        inventory.first_server.settings,
        [each for each in inventory.hosts if each.role == "agent"],
    )
    if not settings.flux_path:
        raise InputError(f"{inventory_path}: has no flux_path, which names the cluster's folder; set it")
    upgrades = Upgrades(
        settings.k3s_version,
        len(batches([each.name for each in agents], settings.upgrade_batch_percent)[0]) if agents else 1,
        settings.reboot_drain_seconds,
        settings.reboot_window,
    )
    pull.check(upgrades)
    root = Path(path).expanduser().absolute()
    outcome = scaffold.add_upgrades(root, settings.flux_path.removeprefix("clusters/"), upgrades)
    _tell(outcome, root, f'set reboot_window = "" for {inventory_path}, then invoke fleet-lint {path}')


def _tell(outcome: scaffold.Outcome, root: Path, following: str) -> None:
    if outcome.diff:
        print(outcome.diff, end="")
    counts = f"{len(outcome.written)} written, {len(outcome.unchanged)} unchanged"
    kept = f", {len(outcome.kept)} kept because you edited them" if outcome.kept else ""
    print(f"{root}: {counts}{kept}. Next: {following}")


def _kubernetes(inventory: str) -> str:
    """The Kubernetes minor of an inventory's cluster, else of the default settings."""
    if inventory:
        text = load(inventory).first_server.settings.k3s_version
    else:
        text = runpy.run_path(str(PROJECT / "inventories" / "group_data" / "all.py"))["k3s_version"]
    return "{}.{}".format(*K3sVersion.parse(text).kubernetes)


def _own_url() -> str:
    """Where this checkout of Skerry came from, for CI; "" if that is a folder here or holds credentials."""
    command = ["git", "-C", str(PROJECT), "remote", "get-url", "origin"]
    url = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return url if re.fullmatch(r"(https://[^@\s]+|ssh://git@\S+|git@[\w.-]+:\S+)", url) else ""


def lint(path: str, as_json: bool) -> int:
    """Lint a repository. Returns the exit code."""
    return show(run_lint(Path(path).expanduser().resolve()), as_json)


def secrets_init(path: str, recovery: str) -> None:
    """Make what keys are missing, and say what to do with them."""
    root = Path(path).expanduser().absolute()
    made = secrets.init(root, recovery)
    if made.created:
        print(
            f"New keys in {made.folder}: {', '.join(made.created)}. Back them up: who loses them loses the secrets."
        )
    if (made.folder / f"{keys.RECOVERY}.agekey").exists():
        print(
            f"Take {made.folder / 'recovery.agekey'} offline (paper, a stick in a safe), then delete it here."
        )
    print(
        f"{root / keys.CONFIG}: {'written' if made.changed else 'unchanged'}. Next: invoke secrets-encrypt FILE"
    )


def secrets_encrypt(file: str) -> None:
    """Encrypt what is typed or piped in, else the file in place; list it in the kustomization beside it."""
    path = Path(file).expanduser().absolute()
    if sys.stdin.isatty() and not path.exists():
        print("Paste the Secret's YAML, then Ctrl-D:", file=sys.stderr)
    plaintext = "" if sys.stdin.isatty() and path.exists() else sys.stdin.read()
    secrets.encrypt(path, plaintext)
    place = path.parent / "kustomization.yaml"
    try:
        scaffold.list_resource(place, path.name)
        print(f"{path}: encrypted, and listed in {place.name}. Next: git commit, whose hook lints")
    except InputError:
        print(f"{path}: encrypted. Next: list {path.name} under resources in {place}")


def secrets_edit(file: str) -> None:
    editor = {name: os.environ[name] for name in ("EDITOR", "SOPS_EDITOR") if name in os.environ}
    changed = secrets.edit(Path(file).expanduser(), editor)
    print(f"{file}: {'encrypted again' if changed else 'unchanged'}")


def secrets_rotate(path: str) -> None:
    """Rotate the whole tree, and remind of what no rotation can do."""
    rotated = secrets.rotate(Path(path).expanduser().absolute())
    print(f"{len(rotated)} file(s) have the recipients of {keys.CONFIG} and new data keys.")
    print(
        "Git's history keeps the old ones: whoever lost access has read these secrets, so change them themselves."
    )


def secrets_check(path: str, as_json: bool) -> int:
    """Check keys and files. Returns the exit code."""
    root = Path(path).expanduser().absolute()
    problems, count = secrets.check(root), len(secrets.encrypted_files(root))
    if as_json:
        print(json.dumps({"files": count, "problems": problems}, indent=2))
    else:
        print("\n".join([*problems, f"{len(problems)} problem(s) in {count} encrypted file(s)"]))
    return NOT_AS_WANTED if problems else 0
