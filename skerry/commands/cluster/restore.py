"""`invoke restore`: a cluster as it was when a backup was taken, on the same hosts or on fresh ones."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.commands.cluster import archive
from skerry.commands.cluster.backup import NODE_PASSWORD, find, key_file
from skerry.commands.cluster.servers import servers, shell
from skerry.commands.hosts.up import Stage, deploy
from skerry.commands.inventory import load
from skerry.local.cluster_lock import cluster_lock
from skerry.model.errors import InputError
from skerry.model.host_paths import RESTORE
from skerry.model.k3s.backup import Manifest, check, place_of
from skerry.model.k3s.paths import FULL_TOKEN, KUBECTL, SERVER, TOKEN
from skerry.operations.files import place_script
from skerry.remote import ssh, trust
from skerry.remote.inventory import Host, Inventory

AUTHORITY = f"sed -n 's/^K10\\([0-9a-f]*\\)::.*/\\1/p' {FULL_TOKEN} 2>/dev/null; true"
ASIDE = (  # as K3s itself keeps what a restore replaces; its snapshots lie beside it and stay
    f"systemctl stop k3s 2>/dev/null; rm -rf {RESTORE}; "
    f"[ ! -e {SERVER}/db/etcd ] || mv {SERVER}/db/etcd {SERVER}/db/etcd-old-$(date +%s)"
)


@dataclass(frozen=True)
class Wish:
    """What is to be restored, with which key, and what was said about the risk."""

    path: Path
    key: Path
    overwrite: bool = False
    data: dict[str, object] | None = None  # settings that override the inventory's


def restore(
    inventory_path: str,
    name: str,
    key: str,
    overwrite: bool,
    yes: bool,
    data: dict[str, object] | None = None,
) -> tuple[int, list[Stage]]:
    """Returns the exit code and the deploy's stages. Raises InputError, nothing touched, when it must not be done."""
    inventory = load(inventory_path, **(data or {}))
    trust.trust(inventory, trust.ask)
    path = find(inventory.name, name)
    wish = Wish(path, Path(key).expanduser() if key else key_file(inventory.name), overwrite, data)
    manifest = examine(inventory, wish)
    what = f"{manifest.cluster} as it was at {manifest.created}, K3s {manifest.k3s_version}"
    if not yes and not trust.ask(f"Restore {what}? What its datastore holds now is given up."):
        raise InputError("nothing was restored; confirm at a terminal, or say --yes")
    bring_back(inventory, wish, manifest)
    return deploy(inventory_path, "deploy/k3s.py", data or {})


def examine(inventory: Inventory, wish: Wish, cluster: str = "") -> Manifest:
    """The archive's manifest, once archive and hosts have been looked at. Raises InputError."""
    if not wish.key.is_file():
        raise InputError(f"{wish.key}: there is no such key; name the one that opens the archive with --key")
    archive.check_record(wish.path)
    manifest = archive.check(wish.path, wish.key)
    hosts, settings = servers(inventory), inventory.first_server.settings
    with ThreadPoolExecutor() as pool:
        found = dict(zip((each.name for each in hosts), pool.map(_authority, hosts), strict=True))
        answers = dict(zip((each.name for each in hosts), pool.map(_answers, hosts), strict=True))
    check(
        manifest,
        cluster=cluster or inventory.name,
        version=settings.k3s_version,
        datastore=settings.k3s_datastore,
        found=found,
        answering=next((host for host, ready in answers.items() if ready), ""),
        overwrite=wish.overwrite,
    )
    return manifest


def _authority(host: Host) -> str:
    """Which cluster a server holds, "" for none. Raises InputError when it cannot be reached."""
    return shell(host, AUTHORITY).strip()


def _answers(host: Host) -> bool:
    with suppress(InputError, RuntimeError):
        return shell(host, f"timeout 10 {KUBECTL} get --raw /readyz").strip() == "ok"
    return False


def bring_back(inventory: Inventory, wish: Wish, manifest: Manifest) -> None:
    """Every server has stopped, and none but the first holds a datastore; there the archive's waits to be restored.

    The next deploy restores it. Where this is cut off, a second call does it all again: the others have lost what
    they held before the first one is touched, so that no majority can go on without it.
    """
    first, *others = servers(inventory)
    with cluster_lock(inventory.path), ThreadPoolExecutor() as pool:
        _say(f"stopping K3s on {', '.join(host.name for host in [first, *others])}")
        list(pool.map(lambda host: shell(host, ASIDE), others))
        _say(f"bringing {wish.path.name} to {first.name}")
        passwords = _place(first, wish, manifest)
        list(pool.map(lambda host: _return_password(host, passwords.get(host.name)), inventory.hosts))
        wanted = json.dumps({"archive": wish.path.name, "created": manifest.created}) + "\n"
        with ssh.connect(first) as connection:  # last: from here on, the next deploy restores
            _put(connection, first, f"{RESTORE}/wanted", wanted.encode())


def _place(first: Host, wish: Wish, manifest: Manifest) -> dict[str, bytes]:
    """Every file of the archive that belongs onto the first server is there. Returns the node passwords by host."""
    passwords = {}
    with ssh.connect(first) as connection, archive.opened(wish.path, wish.key) as (_, files):
        fresh = f"rm -rf {RESTORE}; install -d -m 700 {RESTORE} {SERVER} {SERVER}/tls {SERVER}/cred"
        ssh.run(connection, first, f"systemctl stop k3s 2>/dev/null; {fresh}")
        for name, stream in files:
            if name.startswith("hosts/"):
                passwords[name.split("/")[1]] = stream.read()
            elif (
                name == "etc/full-token"
            ):  # the password in it: before the CA is there, its hash is of no use
                password = stream.read().strip().partition(b"::server:")[2]
                _put(connection, first, TOKEN, password + b"\n")
            elif place := place_of(name):
                ssh.send(connection, first, place_script(place[0], manifest.files[name], place[1]), stream)
    return passwords


def _return_password(host: Host, password: bytes | None) -> None:
    """A fresh host of a known name is the node that it replaces; one that has a password keeps it."""
    with ssh.connect(host) as connection:
        known = ssh.run(connection, host, f"[ ! -s {NODE_PASSWORD} ] || echo known").strip()
        if password and not known:
            _put(connection, host, NODE_PASSWORD, password)


def _put(connection: Any, host: Host, path: str, content: bytes) -> None:
    script = place_script(path, hashlib.sha256(content).hexdigest())
    ssh.send(connection, host, script, io.BytesIO(content))


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
