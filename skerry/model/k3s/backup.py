"""The manifest of a backup's archive, and the checks before a restore."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from skerry.model.errors import InputError
from skerry.model.host_paths import RESTORE
from skerry.model.k3s.paths import SERVER
from skerry.model.k3s.upgrade import skips
from skerry.model.k3s.versions import K3sVersion

FORMAT = 1
MANIFEST, DATASTORE = "manifest.json", "datastore"


@dataclass(frozen=True)
class Manifest:
    """The first file of an archive. `authority`: sha256 of the server CA, which identifies the cluster.

    `created`: UTC, ISO 8601. `datastore`: "etcd" or "sqlite". `server`: the host that was backed up. `files`: sha256 of
    every other file, by its name in the archive.
    """

    cluster: str
    authority: str
    created: str
    k3s_version: str
    datastore: str
    server: str
    files: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def parse(text: str) -> Manifest:
    """Returns the manifest in a file's text. Raises InputError if this version of Skerry cannot read it."""
    try:
        manifest = Manifest(**json.loads(text))
    except (ValueError, TypeError):
        manifest = None
    if manifest is None or manifest.format != FORMAT or DATASTORE not in manifest.files:
        raise InputError(
            "has no manifest that this version of Skerry can read; did a newer version write it?"
        )
    return manifest


def archive_name(cluster: str, created: str) -> str:
    """Returns the archive's file name, such as "oslo-20261123T065500Z.tar.age". Names sort by time."""
    return f"{cluster}-{re.sub('[-:]', '', created)}.tar.age"


def restored_file(name: str) -> tuple[str, str] | None:
    """Returns path and mode on the first server for a file in an archive; None for files that are not restored."""
    if name == DATASTORE:
        return f"{RESTORE}/{DATASTORE}", "600"
    kind, _, rest = name.partition("/")
    if kind == "server" and rest.startswith(("tls/", "cred/")) and ".." not in rest:
        return f"{SERVER}/{rest}", "644" if rest.endswith(".crt") else "600"
    if name == "etc/agent-token":
        return f"/etc/rancher/k3s/{rest}", "600"
    return None


def check_restore(
    manifest: Manifest,
    *,
    cluster: str,
    version: str,
    datastore: str,
    authorities: Mapping[str, str],
    answering: str,
    overwrite: bool,
) -> None:
    """Raise InputError if the archive may not be restored to these servers.

    `authorities`: of the cluster on each server, "" for none. `answering`: a server whose API answers, or "".
    """
    if manifest.cluster != cluster:
        raise InputError(
            f"the archive is of cluster {manifest.cluster}, but this inventory is of {cluster}; "
            f"restore it with inventories/{manifest.cluster}.py"
        )
    if manifest.datastore != datastore:
        raise InputError(
            f"the archive contains {manifest.datastore}, but k3s_datastore is {datastore}; "
            f"set it to {manifest.datastore!r}"
        )
    _check_version(K3sVersion.parse(manifest.k3s_version), K3sVersion.parse(version))
    if others := [
        host for host, authority in authorities.items() if authority not in ("", manifest.authority)
    ]:
        raise InputError(
            f"{', '.join(others)}: belongs to another cluster than the archive; run `invoke uninstall` first"
        )
    if answering and not overwrite:
        raise InputError(
            f"the cluster is running ({answering} answers) and would lose all changes since {manifest.created}; "
            "add --overwrite to restore anyway"
        )


def _check_version(archived: K3sVersion, target: K3sVersion) -> None:
    if archived > target:
        raise InputError(
            f"the archive is of K3s {archived}, newer than k3s_version {target}; set it to {str(archived)!r}"
        )
    if skips(archived, target):
        raise InputError(
            f"the archive is of K3s {archived}, k3s_version {target} skips a minor; set it to {str(archived)!r}, "
            "restore, then upgrade"
        )
