"""`invoke restore`: restore a cluster from a backup, on the same hosts or on new ones."""

from __future__ import annotations

import hashlib
import io
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.commands.cluster import archive
from skerry.commands.cluster.backup import NODE_PASSWORD, find, key_file
from skerry.commands.cluster.control_plane import servers, shell
from skerry.commands.hosts.up import deploy
from skerry.commands.inventory import load
from skerry.commands.stages import Stage, finish
from skerry.local.cluster_lock import cluster_lock
from skerry.local.console import log, require_confirmation
from skerry.model.errors import InputError
from skerry.model.files import write_checked_script
from skerry.model.host_paths import RESTORE
from skerry.model.k3s.backup import Manifest, check_restore, restored_file
from skerry.model.k3s.paths import FULL_TOKEN, KUBECTL, SERVER, TOKEN
from skerry.remote import ssh
from skerry.remote.inventory import Host, Inventory
from skerry.remote.trust import trust

READ_CA_HASH = f"sed -n 's/^K10\\([0-9a-f]*\\)::.*/\\1/p' {FULL_TOKEN} 2>/dev/null; true"
# Renames the datastore to etcd-old-TIME, as K3s does with the one that it replaces in a restore. Snapshots stay.
SET_ASIDE = (
    f"systemctl stop k3s 2>/dev/null; rm -rf {RESTORE}; "
    f"[ ! -e {SERVER}/db/etcd ] || mv {SERVER}/db/etcd {SERVER}/db/etcd-old-$(date +%s)"
)


@dataclass(frozen=True)
class RestoreRequest:
    """The archive to restore, the key that decrypts it, and whether a running cluster may be overwritten."""

    path: Path
    key: Path
    overwrite: bool = False


def restore_request(inventory: Inventory, name: str, key: str, overwrite: bool = False) -> RestoreRequest:
    """Find the archive and the key that the user named; "" means the cluster's own key. Raises InputError."""
    key_path = Path(key).expanduser() if key else key_file(inventory.name)
    return RestoreRequest(find(inventory.name, name), key_path, overwrite)


def run(inventory_path: str, name: str, key: str, overwrite: bool, yes: bool, as_json: bool) -> int:
    """Restore, and print the table of stages. Returns the exit code."""
    code, stages = restore(inventory_path, name, key, overwrite, yes)
    # The archive's files are on the hosts by now: `up` goes on from there.
    after_failure = f"fix what failed, then invoke up {inventory_path}"
    return finish(code, stages, after_failure if code else f"invoke status {inventory_path}", as_json)


def restore(
    inventory_path: str,
    name: str,
    key: str,
    overwrite: bool,
    yes: bool,
    data: dict[str, object] | None = None,
) -> tuple[int, list[Stage]]:
    """Check the archive, put it on the hosts, and deploy. Returns the exit code and the deploy's stages.

    `data` overrides settings, by name. Raises InputError if the archive must not be restored here, before any change,
    and if a host cannot be reached, which may be later: then call it again.
    """
    inventory = load(inventory_path, **(data or {}))
    trust(inventory)
    request = restore_request(inventory, name, key, overwrite)
    manifest = validate_backup(inventory, request)
    backup = f"{manifest.cluster} as of {manifest.created}, K3s {manifest.k3s_version}"
    question = f"Restore {backup}? What the cluster has stored since is lost to it."
    require_confirmation(question, yes, "nothing was restored")
    stage_restore(inventory, request, manifest)
    return deploy(inventory_path, "deploy/k3s.py", data or {})


def validate_backup(inventory: Inventory, request: RestoreRequest, cluster: str = "") -> Manifest:
    """Check the archive and compare it with the hosts. Returns its manifest.

    `cluster`: the name of the cluster that the archive must come from, "" for the inventory's. Raises InputError.
    """
    if not request.key.is_file():
        raise InputError(f"{request.key}: there is no such key file; give the archive's key with --key")
    archive.check_record(request.path)
    manifest = archive.check(request.path, request.key)
    hosts, settings = servers(inventory), inventory.first_server.settings
    names = [host.name for host in hosts]
    with ThreadPoolExecutor() as pool:
        authorities = dict(zip(names, pool.map(_authority, hosts), strict=True))
        ready = dict(zip(names, pool.map(_is_ready, hosts), strict=True))
    check_restore(
        manifest,
        cluster=cluster or inventory.name,
        version=settings.k3s_version,
        datastore=settings.k3s_datastore,
        authorities=authorities,
        answering=next((name for name in names if ready[name]), ""),
        overwrite=request.overwrite,
    )
    return manifest


def _authority(host: Host) -> str:
    """The CA's hash in the server's token, "" if it has none. Raises InputError if the server cannot be reached."""
    return shell(host, READ_CA_HASH).strip()


def _is_ready(host: Host) -> bool:
    """Whether the host's API server says "ok"; False also if the host cannot be asked."""
    with suppress(InputError, RuntimeError):
        return shell(host, f"timeout 10 {KUBECTL} get --raw /readyz").strip() == "ok"
    return False


def stage_restore(inventory: Inventory, request: RestoreRequest, manifest: Manifest) -> None:
    """Stop K3s on every server and put the archive's files on the first server. Asks nothing.

    The next deploy restores the archive. The datastores of the other servers are set aside first: with them, these
    servers could form a majority and go on without the restored one. K3s sets the first server's aside itself. After an
    interruption, call it again: all steps are repeated.
    """
    first, *others = servers(inventory)
    with cluster_lock(inventory.path), ThreadPoolExecutor() as pool:
        for host in others:
            log(f"{host.name}: stopping K3s")
        list(pool.map(lambda host: shell(host, SET_ASIDE), others))
        log(f"{first.name}: stopping K3s, uploading {request.path.name}")
        passwords = _upload_archive(first, request, manifest)
        list(pool.map(lambda host: _restore_password(host, passwords.get(host.name)), inventory.hosts))
        marker = json.dumps({"archive": request.path.name, "created": manifest.created}) + "\n"
        # Last: with this marker, the next deploy restores.
        with ssh.connect(first) as connection:
            _put(connection, first, f"{RESTORE}/wanted", marker.encode())


def _upload_archive(first: Host, request: RestoreRequest, manifest: Manifest) -> dict[str, bytes]:
    """Put the archive's files for the first server in place. Returns the node passwords by host."""
    passwords = {}
    with ssh.connect(first) as connection, archive.opened(request.path, request.key) as (_, files):
        folders = f"rm -rf {RESTORE}; install -d -m 700 {RESTORE} {SERVER} {SERVER}/tls {SERVER}/cred"
        ssh.run(connection, first, f"systemctl stop k3s 2>/dev/null; {folders}")
        for name, stream in files:
            if name.startswith("hosts/"):
                passwords[name.split("/")[1]] = stream.read()
            elif name == "etc/full-token":
                # Keep only the password: the CA hash is invalid until the CA is restored.
                password = stream.read().strip().partition(b"::server:")[2]
                _put(connection, first, TOKEN, password + b"\n")
            elif target := restored_file(name):
                path, mode = target
                ssh.send(connection, first, write_checked_script(path, manifest.files[name], mode), stream)
    return passwords


def _restore_password(host: Host, password: bytes | None) -> None:
    """Put back the host's node password from the archive. A host that has one keeps it."""
    with ssh.connect(host) as connection:
        known = ssh.run(connection, host, f"[ ! -s {NODE_PASSWORD} ] || echo known").strip()
        if password and not known:
            _put(connection, host, NODE_PASSWORD, password)


def _put(connection: Any, host: Host, path: str, content: bytes) -> None:
    script = write_checked_script(path, hashlib.sha256(content).hexdigest())
    ssh.send(connection, host, script, io.BytesIO(content))
