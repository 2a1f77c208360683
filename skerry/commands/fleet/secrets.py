"""Manage the keys and encrypted files of a fleet repository on this machine."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from skerry.fleet import keys, secrets, sops_config
from skerry.fleet.kustomization_edit import list_resource
from skerry.local.console import report
from skerry.local.exit_codes import DONE, NOT_AS_WANTED
from skerry.model.errors import InputError


def init(path: str, recovery: str) -> None:
    """Make the keys that are missing, and print how to keep them safe."""
    root = Path(path).expanduser().absolute()
    result = keys.init(root, recovery)
    if result.created:
        print(
            f"New keys in {result.folder}: {', '.join(result.created)}. Back them up: secrets are lost without them."
        )
    recovery_file = result.folder / f"{keys.RECOVERY}.agekey"
    if recovery_file.exists():
        print(f"Move {recovery_file} to offline storage (paper, a stick in a safe), then delete it here.")
    state = "written" if result.changed else "unchanged"
    print(f"{root / sops_config.FILE}: {state}. Next: invoke secrets-encrypt FILE")


def encrypt(file: str) -> None:
    """Encrypt standard input into the file, or the file in place, and list it in the kustomization beside it."""
    path = Path(file).expanduser().absolute()
    if sys.stdin.isatty() and not path.exists():
        report("Paste the Secret's YAML, then Ctrl-D:")
    plaintext = "" if sys.stdin.isatty() and path.exists() else sys.stdin.read()
    secrets.encrypt(path, plaintext)
    kustomization = path.parent / "kustomization.yaml"
    try:
        list_resource(kustomization, path.name)
    except InputError:
        print(f"{path}: encrypted. Next: list {path.name} under resources in {kustomization}")
    else:
        print(f"{path}: encrypted, and listed in {kustomization.name}. Next: git commit, which runs the lint")


def edit(file: str) -> None:
    """Open an encrypted file in the user's editor."""
    editor = {name: os.environ[name] for name in ("EDITOR", "SOPS_EDITOR") if name in os.environ}
    changed = secrets.edit(Path(file).expanduser(), editor)
    print(f"{file}: {'encrypted again' if changed else 'unchanged'}")


def rotate(path: str) -> None:
    """Rotate every encrypted file, and print what that does not protect against."""
    files = secrets.rotate(Path(path).expanduser().absolute())
    print(f"{len(files)} file(s) have the recipients of {sops_config.FILE} and new data keys.")
    print(
        "Git's history still holds the old versions: if someone has lost access, change the secrets themselves, too."
    )


def check(path: str, as_json: bool) -> int:
    """Check keys and encrypted files. Returns the exit code."""
    root = Path(path).expanduser().absolute()
    problems, count = secrets.check(root), len(secrets.encrypted_files(root))
    if as_json:
        print(json.dumps({"files": count, "problems": problems}, indent=2))
    else:
        print("\n".join([*problems, f"{len(problems)} problem(s) in {count} encrypted file(s)"]))
    return NOT_AS_WANTED if problems else DONE
