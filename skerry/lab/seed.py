"""What makes a host this one and no other: a tar that is unpacked over its root before SSH first starts."""

from __future__ import annotations

import io
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

from skerry.lab.command import run, which

_ACQUIRE = ("Proxy", "Check-Valid-Until", "Check-Date")  # apt settings a host needs where this machine does


@dataclass(frozen=True)
class File:
    """A file, a directory (no text) or a link (with target) of the seed."""

    path: str
    text: str | None = None
    mode: int = 0o644
    owner: int = 0
    target: str | None = None


def identity(name: str, host_key: Path, client_key: str) -> list[File]:
    """Name, host key and authorized keys."""
    files = [
        File("etc/hostname", f"{name}\n"),
        File("etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost ip6-localhost\n"),
        File("etc/ssh/ssh_host_ed25519_key", host_key.read_text(), 0o600),
        File("etc/ssh/ssh_host_ed25519_key.pub", host_key.with_suffix(".pub").read_text()),
    ]
    for home, owner in (("root", 0), ("home/ops", 1000), ("home/nosudo", 1001)):
        files.append(File(f"{home}/.ssh", mode=0o700, owner=owner))
        files.append(File(f"{home}/.ssh/authorized_keys", f"{client_key}\n", 0o600, owner))
    return files


def apt(dump: str, controller: str) -> list[File]:
    """This machine's apt proxy and clock leniency, from `apt-config dump`.

    `controller` is this machine's address as hosts see it: a proxy on localhost is one there.
    """
    kept = [
        line.replace("//localhost", f"//{controller}").replace("//127.0.0.1", f"//{controller}")
        for line in dump.splitlines()
        if line.startswith("Acquire::") and line.split()[0].split("::")[-1] in _ACQUIRE and '""' not in line
    ]
    return [File("etc/apt/apt.conf.d/90lab", "".join(f"{line}\n" for line in kept))] if kept else []


def apt_dump() -> str:
    """This machine's apt settings, if it has apt."""
    return run(["apt-config", "dump"]).stdout if which("apt-config") else ""


def write(path: Path, files: list[File]) -> None:
    """Write the tar, readable by its owner alone: it holds a private key."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for file in files:
            _add(tar, file)
    path.touch(0o600)
    path.write_bytes(buffer.getvalue())


def _add(tar: tarfile.TarFile, file: File) -> None:
    info = tarfile.TarInfo(file.path)
    info.mode, info.uid, info.gid = file.mode, file.owner, file.owner
    info.mtime = int(time.time())
    data = b""
    if file.target is not None:
        info.type, info.linkname = tarfile.SYMTYPE, file.target
    elif file.text is None:
        info.type = tarfile.DIRTYPE
    else:
        data = file.text.encode()
        info.size = len(data)
    tar.addfile(info, io.BytesIO(data))
