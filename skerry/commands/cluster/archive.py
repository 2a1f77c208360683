"""Archives that age has encrypted: tars that are written and read as streams, so that no plaintext meets this disk."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from skerry.local import tools
from skerry.local.files import digest, replace
from skerry.model.errors import InputError
from skerry.model.k3s.backup import MANIFEST, Manifest, parse

BLOCK = 1 << 20


class Hashing(io.RawIOBase):
    """A stream that knows the sha256 of what was read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._digest = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self._digest.update(block)
        return block

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


@contextmanager
def sealed(path: Path, recipients: Sequence[str]) -> Iterator[tarfile.TarFile]:
    """A tar to be filled, encrypted for the recipients (public keys). It stands at `path` whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f".{path.name}.part")
    command = [tools.find("age"), *(f"--recipient={each}" for each in recipients), "--output", str(part)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin
    try:
        with process.stdin, tarfile.open(fileobj=process.stdin, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            yield tar
        _end(process, path)
        part.chmod(0o600)
        part.replace(path)
    except BrokenPipeError:
        _end(process, path)
        raise
    finally:
        process.kill()
        process.wait()
        part.unlink(missing_ok=True)


def _end(process: subprocess.Popen[bytes], path: Path) -> None:
    assert process.stderr
    said = process.stderr.read().decode().strip()
    if process.wait():
        raise RuntimeError(f"{path}: could not be encrypted: {said}")


def add(tar: tarfile.TarFile, name: str, size: int, stream: IO[bytes], sha256: str) -> None:
    """Put `size` bytes of a stream into the tar. Raises RuntimeError when they are not those of the checksum."""
    info, hashing = tarfile.TarInfo(name), Hashing(stream)
    info.size, info.mode = size, 0o600
    try:
        tar.addfile(info, hashing)
    except BrokenPipeError:
        raise  # age has ended: it says why
    except OSError as error:
        raise RuntimeError(f"{name}: ended early ({error}); nothing was kept") from None
    if hashing.sha256 != sha256:
        raise RuntimeError(f"{name}: arrived with another checksum than it was sent with; nothing was kept")


@contextmanager
def opened(path: Path, key: Path) -> Iterator[tuple[Manifest, Iterator[tuple[str, IO[bytes]]]]]:
    """An archive's manifest and then its other files, in order, each to be read before the next.

    Raises InputError when the key does not open it or it is damaged.
    """
    command = [tools.find("age"), "--decrypt", "--identity", str(key), str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    try:
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            first = tar.next()
            if first is None or first.name != MANIFEST:
                raise InputError(f"{path}: is no backup of Skerry's")
            stream = tar.extractfile(first)
            assert stream
            yield parse(stream.read().decode()), _files(tar)
        process.stdout.read()  # what follows the tar's end; age checks it, too
        if process.wait():
            raise InputError(f"{path}: is damaged; take another backup")
    except (tarfile.TarError, OSError):
        process.kill()
        raise InputError(f"{path}: {_reason(process.stderr.read().decode(), key)}") from None
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def _files(tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    while (info := tar.next()) is not None:
        stream = tar.extractfile(info)
        if stream is not None:
            yield info.name, stream


def _reason(said: str, key: Path) -> str:
    if "no identity matched" in said:
        return f"the key {key} does not open it; name the right one with --key"
    if "malformed" in said or ("reading" in said and "identity" in said.lower()):
        return f"{key} is no age key; name the right one with --key"
    return "is damaged, or no backup of Skerry's; take another"


def check(path: Path, key: Path) -> Manifest:
    """Decrypt the whole archive and compare every checksum. Returns its manifest. Raises InputError."""
    with opened(path, key) as (manifest, files):
        found = {}
        for name, stream in files:
            found[name] = _sha256(stream)
    if found != manifest.files:
        raise InputError(f"{path}: its files are not those of its manifest; take another backup")
    return manifest


def _sha256(stream: IO[bytes]) -> str:
    hashing = Hashing(stream)
    while hashing.read(BLOCK):
        pass
    return hashing.sha256


def record(path: Path) -> str:
    """Keep an archive's digest beside it, as `sha256sum --check` reads it. Returns the digest."""
    sha256 = digest(path)
    replace(path.with_name(f"{path.name}.sha256"), f"{sha256}  {path.name}\n")
    return sha256


def check_record(path: Path) -> None:
    """Raises InputError when the archive is not the one whose digest was recorded."""
    kept = path.with_name(f"{path.name}.sha256")
    if kept.is_file() and kept.read_text().split()[:1] != [digest(path)]:
        raise InputError(f"{path}: is not the file whose digest {kept.name} has; take another backup")
