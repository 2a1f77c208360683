"""What a backup's archive says of itself, and whether it may be restored, judged before anything is touched."""

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
    """The first file of an archive. `authority`: sha256 of the cluster's server CA, which tells clusters apart.

    `created`: UTC, ISO 8601. `files`: sha256 of every other file by its name in the archive.
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
    """Raises InputError for anything that this version did not write."""
    try:
        return _known(Manifest(**json.loads(text)))
    except (ValueError, TypeError):
        raise InputError(
            "has no manifest that this version of Skerry knows; was it made by a newer one?"
        ) from None


def _known(manifest: Manifest) -> Manifest:
    if manifest.format != FORMAT or DATASTORE not in manifest.files:
        raise ValueError
    return manifest


def archive_name(cluster: str, created: str) -> str:
    """ "oslo-20261123T065500Z.tar.age", which sorts by time."""
    return f"{cluster}-{re.sub('[-:]', '', created)}.tar.age"


def place_of(name: str) -> tuple[str, str] | None:
    """Where a file of an archive belongs on the first server, with its mode; None for what is not placed there."""
    if name == DATASTORE:
        return f"{RESTORE}/{DATASTORE}", "600"
    kind, _, rest = name.partition("/")
    if kind == "server" and rest.startswith(("tls/", "cred/")) and ".." not in rest:
        return f"{SERVER}/{rest}", "644" if rest.endswith(".crt") else "600"
    if name == "etc/agent-token":
        return f"/etc/rancher/k3s/{rest}", "600"
    return None


def check(
    manifest: Manifest,
    *,
    cluster: str,
    version: str,
    datastore: str,
    found: Mapping[str, str],
    answering: str,
    overwrite: bool,
) -> None:
    """Raises InputError, one line, when the archive may not be restored here.

    `found`: by server, the authority of the cluster it holds, "" for none. `answering`: a server whose API answers.
    """
    if manifest.cluster != cluster:
        raise InputError(
            f"the archive is of cluster {manifest.cluster}, this inventory is {cluster}; "
            f"restore it with inventories/{manifest.cluster}.py"
        )
    if manifest.datastore != datastore:
        raise InputError(
            f"the archive holds {manifest.datastore}, k3s_datastore is {datastore}; set it to {manifest.datastore!r}"
        )
    _check_version(K3sVersion.parse(manifest.k3s_version), K3sVersion.parse(version))
    if other := [host for host, authority in found.items() if authority not in ("", manifest.authority)]:
        raise InputError(
            f"{', '.join(other)}: holds another cluster than the archive's; `invoke uninstall` it first"
        )
    if answering and not overwrite:
        raise InputError(
            f"the cluster runs, {answering} answers; what was written since {manifest.created} would be lost: "
            "say --overwrite if it shall"
        )


def _check_version(archived: K3sVersion, wanted: K3sVersion) -> None:
    if archived > wanted:
        raise InputError(
            f"the archive is of K3s {archived}, newer than k3s_version {wanted}; set it to {str(archived)!r}"
        )
    if skips(archived, wanted):
        raise InputError(
            f"the archive is of K3s {archived}, k3s_version {wanted} skips a minor; set it to {str(archived)!r}, "
            "restore, then upgrade"
        )
