"""`invoke backup`: datastore, tokens and configuration of a cluster in one encrypted archive on this machine."""

from __future__ import annotations

import hashlib
import io
import json
import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from skerry import templates
from skerry.commands.cluster import archive
from skerry.commands.cluster.control_plane import ready_server, servers, shell
from skerry.fleet import keys, sops
from skerry.local.console import report
from skerry.local.paths import BACKUPS, keys_folder
from skerry.model.errors import InputError
from skerry.model.fact_output import sections
from skerry.model.k3s.backup import DATASTORE, MANIFEST, Manifest, archive_name
from skerry.model.k3s.paths import SNAPSHOTS
from skerry.remote import ssh
from skerry.remote.inventory import Host, Inventory

NODE_PASSWORD = "/etc/rancher/node/password"  # noqa: S105  a path; the password in it authenticates the node's name


@dataclass(frozen=True)
class Backup:
    """An archive on this machine. `server`: source of the snapshot. `opened_by`: the private key here."""

    archive: str
    sha256: str
    size_bytes: int
    cluster: str
    created: str
    k3s_version: str
    server: str
    opened_by: str


@dataclass(frozen=True)
class _RemoteFile:
    """A file on a server that goes into the archive as `name`."""

    sha256: str
    size: int
    path: str
    name: str


def folder(cluster: str) -> Path:
    """The folder of a cluster's archives."""
    return BACKUPS / cluster


def key_file(cluster: str) -> Path:
    """The private key on this machine that opens a cluster's archives."""
    return keys_folder() / "backup" / f"{cluster}.agekey"


def backup(inventory: Inventory) -> Backup:
    """Take a snapshot, stream it from the server into an encrypted archive here, and check the archive.

    Raises InputError if no API server answers, RuntimeError if K3s takes no snapshot or the transfer fails.
    """
    server, key = ready_server(servers(inventory)), key_file(inventory.name)
    if keys.create(key):
        report(f"New key {key}: keep a copy elsewhere; without it the backups cannot be opened.")
    created = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    path = folder(inventory.name) / archive_name(inventory.name, created)
    recipients = [*sops.public_keys(keys.read(key)), *server.settings.backup_recipients]
    manifest = _write_archive(inventory, server, path, created, recipients)
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


def _write_archive(
    inventory: Inventory, server: Host, path: Path, created: str, recipients: Sequence[str]
) -> Manifest:
    """Take the snapshot on `server` and stream it with the other files into the archive."""
    settings, label = server.settings, f"skerry-backup-{created.lower().replace(':', '')}"
    snapshot_folder = str(settings.k3s_config_extra.get("etcd-snapshot-dir", SNAPSHOTS))
    script = templates.text("k3s/backup.sh")
    passwords = _node_passwords(inventory)
    with ssh.connect(server) as connection:
        arguments = shlex.join([settings.k3s_datastore, label, snapshot_folder])
        output = sections(ssh.run(connection, server, f"set -- {arguments}\n{script}").splitlines())
        files = [_remote_file(line) for line in output["files"]]
        snapshot = next(file.path for file in files if file.name == DATASTORE)
        try:
            manifest = Manifest(
                cluster=inventory.name,
                authority="".join(output["authority"]),
                created=created,
                k3s_version="".join(output["version"]),
                datastore=settings.k3s_datastore,
                server=server.name,
                files={file.name: file.sha256 for file in files}
                | {name: _sha256(text) for name, text in passwords},
            )
            with archive.sealed(path, recipients) as tar:
                for name, text in [(MANIFEST, manifest.to_json()), *passwords]:
                    archive.add(tar, name, len(text.encode()), io.BytesIO(text.encode()), _sha256(text))
                for file in files:
                    with ssh.reading(connection, server, f"cat {shlex.quote(file.path)}") as stream:
                        archive.add(tar, file.name, file.size, stream, file.sha256)
        finally:
            ssh.run(connection, server, f"rm -f {shlex.quote(snapshot)}")
    return manifest


def _remote_file(line: str) -> _RemoteFile:
    """Parse a line of backup.sh: "SHA256 SIZE PATH NAME"; a path may contain blanks."""
    sha256, size, rest = line.split(" ", 2)
    path, name = rest.rsplit(" ", 1)
    return _RemoteFile(sha256, int(size), path, name)


def _node_passwords(inventory: Inventory) -> list[tuple[str, str]]:
    """Read the node passwords, which new hosts of the same names need to join.

    Returns pairs of archive name and password, without hosts that have no password or cannot be reached.
    """

    def read(host: Host) -> tuple[str, str]:
        try:
            return f"hosts/{host.name}/node-password", shell(host, f"cat {NODE_PASSWORD} 2>/dev/null || true")
        except (InputError, RuntimeError) as error:
            report(f"{error}; its node password is not in the backup")
            return "", ""

    with ThreadPoolExecutor() as pool:
        return [(name, password) for name, password in pool.map(read, inventory.hosts) if password]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def show(inventory: Inventory, as_json: bool) -> None:
    """Back up, and print the archive and the next command."""
    made = backup(inventory)
    if as_json:
        print(json.dumps(asdict(made), indent=2))
        return
    print(f"{made.archive}: {made.size_bytes / 2**20:.1f} MiB, sha256 {made.sha256}")
    print(
        f"Cluster {made.cluster}, K3s {made.k3s_version}, {made.created}; the key {made.opened_by} opens it"
    )
    print(f"Next: copy archive and key to two other places; invoke restore-drill {inventory.path}")


def find(cluster: str, name: str) -> Path:
    """Find an archive by path or name, or the newest for "latest". Raises InputError, which lists existing archives."""
    archives = sorted(folder(cluster).glob("*.tar.age"))
    if name == "latest" and archives:
        return archives[-1]
    for path in (Path(name).expanduser(), folder(cluster) / name):
        if path.is_file():
            return path
    existing = ", ".join(path.name for path in archives[-5:]) or "none"
    raise InputError(f"{name}: there is no such archive; in {folder(cluster)}: {existing}")
