"""age keys: one per cluster and one for recovery, outside the repository, and `.sops.yaml` that names them."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import yaml

from skerry.fleet import sops
from skerry.fleet.record import Record
from skerry.local.files import replace
from skerry.model.errors import InputError
from skerry.model.yaml_text import dump

CONFIG = ".sops.yaml"
HEADER = "Whom SOPS encrypts for. `invoke secrets-init` adds keys, `invoke secrets-rotate` applies changes."
RECOVERY = "recovery"
RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")
SHARED = "shared"


def base() -> Path:
    """The folder of all private keys: $SKERRY_KEYS, else ~/.config/skerry/keys."""
    return Path(os.environ.get("SKERRY_KEYS") or Path.home() / ".config" / "skerry" / "keys").absolute()


def folder(root: Path, record: Record) -> Path:
    """Where the private keys of a repository lie: $SKERRY_KEYS, else ~/.config/skerry/keys; never inside Git.

    Raises InputError when that place is inside a Git work tree.
    """
    place = base() / record.name
    for parent in (place, *place.parents):
        if (parent / ".git").exists() or parent == root.resolve():
            raise InputError(
                f"{place}: is inside the Git work tree {parent}; set SKERRY_KEYS to a place outside"
            )
    return place


def path(root: Path, record: Record, name: str) -> Path:
    """The private key file of a cluster, or of "recovery"."""
    return folder(root, record) / f"{name}.agekey"


def read(file: Path) -> str:
    """A private key. Raises InputError when it is missing or readable by others."""
    if not file.is_file():
        raise InputError(f"{file}: there is no such key; restore it from your backup, or set SKERRY_KEYS")
    if mode := stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise InputError(f"{file}: others may read it (mode {mode | 0o600:o}); run chmod 600 {file}")
    return file.read_text()


def all_private(root: Path, record: Record) -> str:
    """Every private key of the repository that is here."""
    names = [*record.clusters, RECOVERY]
    files = [path(root, record, name) for name in names]
    return "\n".join(read(file) for file in files if file.is_file())


def create(file: Path) -> bool:
    """Make a new private key, 0600 in a folder of 0700; a key that is there stays. Returns whether it was made."""
    if file.exists():
        read(file)
        return False
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.parent.chmod(0o700)
    replace(file, sops.new_key(), 0o600)
    return True


def load_config(root: Path) -> dict[str, Any]:
    """.sops.yaml, empty when there is none. Raises InputError with the line when it is broken."""
    file = root / CONFIG
    try:
        config = yaml.safe_load(file.read_text()) if file.is_file() else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise InputError(f"{file}:{mark.line + 1 if mark else 1}: is not YAML; mend it") from None
    if config is None:
        return {"creation_rules": []}
    if not isinstance(config, dict) or not isinstance(config.get("creation_rules"), list):
        raise InputError(f"{file}: has no creation_rules; restore it from Git")
    return config


def recipients_for(config: dict[str, Any], name: str) -> list[str]:
    """Whom .sops.yaml wants the file `name` (relative to the repository) encrypted for; sops takes the first match."""
    for rule in config["creation_rules"]:
        if re.search(str(rule.get("path_regex", "")), name):
            given = rule.get("age") or ""
            listed = given if isinstance(given, list) else str(given).split(",")
            return [each.strip() for each in listed if each.strip()]
    return []


def with_recipients(config: dict[str, Any], clusters: dict[str, str], recovery: str) -> dict[str, Any]:
    """The configuration with a rule for each cluster's own files and one for the shared files.

    Rules and recipients that are there stay, so that a team's further keys survive.
    """
    rules = [dict(rule) for rule in config["creation_rules"]]
    wanted = {_pattern(f"(apps|clusters)/{name}"): [key, recovery] for name, key in clusters.items()}
    wanted[_pattern("(apps/base|infrastructure)")] = [*clusters.values(), recovery]
    for pattern, keys in wanted.items():
        rule = next((each for each in rules if each.get("path_regex") == pattern), None)
        if rule is None:
            rule = {
                "path_regex": pattern,
                "encrypted_regex": "^(data|stringData)$",
                "mac_only_encrypted": True,
            }
            rules.append(rule)
        have = recipients_for({"creation_rules": [{"age": rule.get("age")}]}, "")
        rule["age"] = [*have, *(key for key in keys if key not in have)]
    return {**config, "creation_rules": rules, "stores": config.get("stores") or {"yaml": {"indent": 2}}}


def _pattern(folder: str) -> str:
    return rf"^{folder}/.*\.sops\.ya?ml$"


def save_config(root: Path, config: dict[str, Any]) -> None:
    replace(root / CONFIG, dump(config, HEADER))
