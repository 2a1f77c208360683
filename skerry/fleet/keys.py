"""The age keys of a fleet: one per cluster and one for recovery, in files outside the repository."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skerry.fleet import metadata, sops, sops_config
from skerry.fleet.metadata import FleetMetadata
from skerry.local.files import replace
from skerry.local.paths import keys_folder
from skerry.model.errors import InputError

RECOVERY = "recovery"
RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")


def folder(root: Path, fleet: FleetMetadata) -> Path:
    """The folder of a repository's private keys. Raises InputError if it is inside a Git work tree."""
    own = keys_folder() / fleet.name
    for parent in (own, *own.parents):
        if (parent / ".git").exists() or parent == root.resolve():
            raise InputError(
                f"{own}: is inside the Git work tree {parent}; set SKERRY_KEYS to a folder outside of it"
            )
    return own


def path(root: Path, fleet: FleetMetadata, name: str) -> Path:
    """The private key file of a cluster, or of "recovery"."""
    return folder(root, fleet) / f"{name}.agekey"


def read(file: Path) -> str:
    """Returns the text of a private key file. Raises InputError if it is missing or others may read it."""
    if not file.is_file():
        raise InputError(f"{file}: does not exist; restore the key from your backup, or set SKERRY_KEYS")
    if mode := stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise InputError(f"{file}: other users may read it (mode {mode | 0o600:o}); run chmod 600 {file}")
    return file.read_text()


def all_private(root: Path, fleet: FleetMetadata) -> str:
    """Returns all private keys of the repository on this machine; "" if none is there. Raises InputError as `read`."""
    files = [path(root, fleet, name) for name in (*fleet.clusters, RECOVERY)]
    return "\n".join(read(file) for file in files if file.is_file())


def create(file: Path) -> bool:
    """Make a private key file (0600) and its folder (0700). Returns False if it exists and `read` accepts it."""
    if file.exists():
        read(file)
        return False
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.parent.chmod(0o700)
    replace(file, sops.new_key(), 0o600)
    return True


@dataclass
class InitResult:
    """What `init` has done: the folder of the keys, the names of new keys, and whether .sops.yaml was changed."""

    folder: Path
    created: list[str] = field(default_factory=list)
    changed: bool = False


def init(root: Path, recovery: str = "") -> InitResult:
    """Make the keys that are missing, one per cluster and one for recovery, and list them in .sops.yaml.

    `recovery` is the public part of a recovery key that is kept elsewhere. Raises InputError if it is not a public key,
    or if a key file is missing, unreadable or not the one in .sops.yaml.
    """
    fleet = metadata.load(root)
    if recovery and not RECIPIENT.fullmatch(recovery):
        raise InputError("--recovery takes an age public key, age1…; age-keygen -y shows it")
    result = InitResult(folder(root, fleet))
    config = sops_config.load(root)
    public = {name: _cluster_key(root, fleet, name, config, result) for name in fleet.clusters}
    if not recovery:
        recovery = _recovery_key(root, fleet, config, set(public.values()), result)
    new_config = sops_config.with_recipients(config, public, recovery)
    if new_config != config:
        sops_config.save(root, new_config)
        result.changed = True
    return result


def _cluster_key(
    root: Path, fleet: FleetMetadata, name: str, config: dict[str, Any], result: InitResult
) -> str:
    """Returns the public key of a cluster. Makes the key if .sops.yaml has none for the cluster.

    Raises InputError if .sops.yaml lists another key, or if the key file is missing that belongs to a listed key.
    """
    file = path(root, fleet, name)
    listed = sops_config.recipients_for(config, f"clusters/{name}/x.sops.yaml")
    if listed and not file.exists():
        raise InputError(
            f"{file}: is missing, but {sops_config.FILE} has recipients for {name}; restore the key from your "
            "backup, or remove that rule to start with a new key"
        )
    if create(file):
        result.created.append(name)
    [public] = sops.public_keys(read(file))
    if listed and public not in listed:
        raise InputError(
            f"{file}: has the public key {public}, which {sops_config.FILE} does not list for {name}; restore the "
            "key of this repository"
        )
    return public


def _recovery_key(
    root: Path, fleet: FleetMetadata, config: dict[str, Any], cluster_keys: set[str], result: InitResult
) -> str:
    """Returns the public recovery key: the key file's, else the one in .sops.yaml, else that of a key made now."""
    file = path(root, fleet, RECOVERY)
    shared = sops_config.recipients_for(config, "infrastructure/x.sops.yaml")
    others = [recipient for recipient in shared if recipient not in cluster_keys]
    if others and not file.exists():
        return others[-1]
    if create(file):
        result.created.append(RECOVERY)
    return sops.public_keys(read(file))[0]
