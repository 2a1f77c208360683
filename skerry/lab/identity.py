"""A host's identity: name and SSH keys, created once with the host and kept across resets.

All keys are made on this machine, so that the first connection to a host is verified, too.
"""

from __future__ import annotations

from pathlib import Path

from skerry.lab.command import run
from skerry.lab.folder import LabFolder
from skerry.lab.host import HostRecord
from skerry.lab.programs import require
from skerry.lab.seed import SeedFile

_HOST_KEY = "ssh_host_ed25519_key"


def identity_files(lab: LabFolder, record: HostRecord) -> list[SeedFile]:
    """The seed files with the host's name, host key and authorized keys. Also writes its known_hosts file."""
    client_key = _public_key(lab.keys / "client", "skerry-lab")
    host_key = lab.host_folder(record.name) / _HOST_KEY
    public_host_key = _public_key(host_key, record.name)
    write_known_hosts(lab, record)
    name = record.name
    files = [
        SeedFile("etc/hostname", f"{name}\n"),
        SeedFile("etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost ip6-localhost\n"),
        SeedFile(f"etc/ssh/{_HOST_KEY}", host_key.read_text(), 0o600),
        SeedFile(f"etc/ssh/{_HOST_KEY}.pub", f"{public_host_key}\n"),
    ]
    # tree.sh makes the users: ops has sudo without a password; nosudo would need one and has none.
    for home, owner in (("root", 0), ("home/ops", 1000), ("home/nosudo", 1001)):
        files.append(SeedFile(f"{home}/.ssh", mode=0o700, owner=owner))
        files.append(SeedFile(f"{home}/.ssh/authorized_keys", f"{client_key}\n", 0o600, owner))
    return files


def write_known_hosts(lab: LabFolder, record: HostRecord) -> None:
    """Write the host's known_hosts file from its host key, address and port."""
    folder = lab.host_folder(record.name)
    kind, key = _public_key(folder / _HOST_KEY, record.name).split()[:2]
    address = record.address if record.port == 22 else f"[{record.address}]:{record.port}"
    (folder / "known_hosts").write_text(f"{address} {kind} {key}\n")


def _public_key(path: Path, comment: str) -> str:
    """The public half of the ed25519 key at `path`. Makes the key (mode 0600) if it does not exist."""
    public = path.with_name(path.name + ".pub")
    if not public.exists():
        require("ssh-keygen")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])
    return public.read_text().strip()
