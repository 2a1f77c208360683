"""`invoke backup`: datastore, tokens and configuration of a cluster in one encrypted archive on this machine."""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from skerry import templates
from skerry.commands.cluster import archive
from skerry.commands.cluster.servers import answering, servers, shell
from skerry.fleet import keys, sops
from skerry.local.paths import SKERRY
from skerry.model.errors import InputError
from skerry.model.fact_output import sections
from skerry.model.k3s.backup import DATASTORE, MANIFEST, Manifest, archive_name
from skerry.model.k3s.paths import SNAPSHOTS
from skerry.remote import ssh
from skerry.remote.inventory import Host, Inventory

NODE_PASSWORD = "/etc/rancher/node/password"  # noqa: S105  a path: by what is in it, a node proves that it is who it was


@dataclass(frozen=True)
class Backup:
    """An archive on this machine. `opened_by`: the private key here that opens it."""

    archive: str
    sha256: str
    size_bytes: int
    cluster: str
    created: str
    k3s_version: str
    server: str
    opened_by: str


@dataclass(frozen=True)
class _File:
    """A file on a server that belongs into the archive as `name`."""

    sha256: str
    size: int
    path: str
    name: str


def folder(cluster: str) -> Path:
    """Where a cluster's archives are kept."""
    return SKERRY / "backups" / cluster


def key_file(cluster: str) -> Path:
    """The private key on this machine that opens a cluster's archives."""
    return keys.base() / "backup" / f"{cluster}.agekey"


def backup(inventory: Inventory) -> Backup:
    """Take a snapshot, bring it here encrypted, and read all of it back once.

    Raises InputError when no API server answers, RuntimeError when K3s takes no snapshot.
    """
    server, key = answering(servers(inventory)), key_file(inventory.name)
    if keys.create(key):
        _say(f"New key {key}: keep a copy elsewhere; who loses it loses the backups.")
    created = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    path = folder(inventory.name) / archive_name(inventory.name, created)
    recipients = [*sops.public_keys(keys.read(key)), *server.settings.backup_recipients]
    manifest = _take(inventory, server, path, created, recipients)
    sha256 = archive.record(path)
    archive.check(path, key)
    return Backup(
        str(path),
        sha256,
        path.stat().st_size,
        manifest.cluster,
        created,
        manifest.k3s_version,
        server.name,
        str(key),
    )


def _take(
    inventory: Inventory, server: Host, path: Path, created: str, recipients: Sequence[str]
) -> Manifest:
    settings, label = server.settings, f"skerry-backup-{created.lower().replace(':', '')}"
    places = str(settings.k3s_config_extra.get("etcd-snapshot-dir", SNAPSHOTS))
    script = templates.text("k3s/backup.sh")
    passwords = _node_passwords(inventory)
    with ssh.connect(server) as connection:
        arguments = shlex.join([settings.k3s_datastore, label, places])
        found = sections(ssh.run(connection, server, f"set -- {arguments}\n{script}").splitlines())
        files = [_file(line) for line in found["files"]]
        copy = next(each.path for each in files if each.name == DATASTORE)
        try:
            manifest = Manifest(
                cluster=inventory.name,
                authority="".join(found["authority"]),
                created=created,
                k3s_version="".join(found["version"]),
                datastore=settings.k3s_datastore,
                server=server.name,
                files={each.name: each.sha256 for each in files}
                | {name: _sha256(text) for name, text in passwords},
            )
            with archive.sealed(path, recipients) as tar:
                for name, text in [(MANIFEST, manifest.to_json()), *passwords]:
                    archive.add(tar, name, len(text.encode()), io.BytesIO(text.encode()), _sha256(text))
                for each in files:
                    with ssh.reading(connection, server, f"cat {shlex.quote(each.path)}") as stream:
                        archive.add(tar, each.name, each.size, stream, each.sha256)
        finally:
            ssh.run(connection, server, f"rm -f {shlex.quote(copy)}")
    return manifest


def _file(line: str) -> _File:
    """From a line of backup.sh."""
    sha256, size, rest = line.split(" ", 2)
    path, name = rest.rsplit(" ", 1)
    return _File(sha256, int(size), path, name)


def _node_passwords(inventory: Inventory) -> list[tuple[str, str]]:
    """What each node proves its name with, for a fresh host of the same name; a host that is away has to do without."""

    def ask(host: Host) -> tuple[str, str]:
        try:
            return f"hosts/{host.name}/node-password", shell(host, f"cat {NODE_PASSWORD} 2>/dev/null || true")
        except (InputError, RuntimeError) as error:
            _say(f"{error}; its node password is not in the backup")
            return "", ""

    with ThreadPoolExecutor() as pool:
        return [each for each in pool.map(ask, inventory.hosts) if each[1]]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def show(made: Backup, inventory_path: str, as_json: bool) -> None:
    """Say what was made, and the next command."""
    if as_json:
        print(json.dumps(asdict(made), indent=2))
        return
    print(f"{made.archive}: {made.size_bytes / 2**20:.1f} MiB, sha256 {made.sha256}")
    print(f"K3s {made.k3s_version} of {made.cluster} at {made.created}, opened by {made.opened_by}")
    print(f"Next: copy archive and key to two other places; invoke restore-drill {inventory_path}")


def find(cluster: str, name: str) -> Path:
    """An archive by its file, by its name, or the "latest". Raises InputError, which lists those there are."""
    kept = sorted(folder(cluster).glob("*.tar.age"))
    if name == "latest" and kept:
        return kept[-1]
    for path in (Path(name).expanduser(), folder(cluster) / name):
        if path.is_file():
            return path
    there = ", ".join(path.name for path in kept[-5:]) or "none"
    raise InputError(f"{name}: there is no such archive; in {folder(cluster)}: {there}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
