"""Per-host files as a tar, unpacked over the root file system before SSH first starts: identity, network, apt."""

from __future__ import annotations

import io
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

from skerry.lab.command import run, which

_APT_SETTINGS = ("Proxy", "Check-Valid-Until", "Check-Date")  # a host needs them wherever this machine does


@dataclass(frozen=True)
class SeedFile:
    """A file, a directory (without text) or a symbolic link (with a target) of the seed. `owner`: uid and gid."""

    path: str
    text: str | None = None
    mode: int = 0o644
    owner: int = 0
    target: str | None = None


def apt_files(dump: str, controller: str) -> list[SeedFile]:
    """This machine's apt proxy and tolerance of wrong clocks, from the output of `apt-config dump`.

    `controller`, this machine's address as seen by hosts, replaces localhost in a proxy's address. Returns [] if no
    such setting is there.
    """
    lines = [
        line.replace("//localhost", f"//{controller}").replace("//127.0.0.1", f"//{controller}")
        for line in dump.splitlines()
        if line.startswith("Acquire::")
        and line.split()[0].split("::")[-1] in _APT_SETTINGS
        and '""' not in line
    ]
    return [SeedFile("etc/apt/apt.conf.d/90lab", "".join(f"{line}\n" for line in lines))] if lines else []


def apt_dump() -> str:
    """This machine's apt settings; "" if it has no apt."""
    return run(["apt-config", "dump"]).stdout if which("apt-config") else ""


def write(path: Path, files: list[SeedFile]) -> None:
    """Write the tar with mode 0600: it holds a private key."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for file in files:
            _add(tar, file)
    path.touch(0o600)
    path.write_bytes(buffer.getvalue())


def _add(tar: tarfile.TarFile, file: SeedFile) -> None:
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
