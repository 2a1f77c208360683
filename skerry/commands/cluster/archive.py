"""Encrypted archives: tars streamed through age, so that no plaintext reaches this machine's disk."""

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


class HashingStream(io.RawIOBase):
    """A stream that computes the sha256 of what is read from it."""

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
    """Yield a tar to fill. It is encrypted for the recipients (public keys), and stored at `path` once it is complete.

    Raises RuntimeError if age fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f".{path.name}.part")
    command = [tools.find("age"), *(f"--recipient={key}" for key in recipients), "--output", str(part)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin
    try:
        with process.stdin, tarfile.open(fileobj=process.stdin, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            yield tar
        _finish_encryption(process, path)
        part.chmod(0o600)
        part.replace(path)
    except BrokenPipeError:
        _finish_encryption(process, path)
        raise
    finally:
        process.kill()
        process.wait()
        part.unlink(missing_ok=True)


def _finish_encryption(process: subprocess.Popen[bytes], path: Path) -> None:
    """Wait until age has ended. Raises RuntimeError with its message if it failed."""
    assert process.stderr
    message = process.stderr.read().decode().strip()
    if process.wait():
        raise RuntimeError(f"{path}: could not be encrypted: {message}")


def add(tar: tarfile.TarFile, name: str, size: int, stream: IO[bytes], sha256: str) -> None:
    """Add `size` bytes of the stream to the tar. Raises RuntimeError if it ends early or the checksum differs."""
    info, hashing = tarfile.TarInfo(name), HashingStream(stream)
    info.size, info.mode = size, 0o600
    try:
        tar.addfile(info, hashing)
    except BrokenPipeError:
        raise  # age has ended; `sealed` reports why
    except OSError as error:
        raise RuntimeError(f"{name}: ended early ({error}); nothing was kept") from None
    if hashing.sha256 != sha256:
        raise RuntimeError(f"{name}: its checksum changed in transit; nothing was kept")


@contextmanager
def opened(path: Path, key: Path) -> Iterator[tuple[Manifest, Iterator[tuple[str, IO[bytes]]]]]:
    """Yield the archive's manifest and an iterator of its other files; read each file before advancing to the next.

    Raises InputError if the key does not open the archive or the archive is damaged.
    """
    command = [tools.find("age"), "--decrypt", "--identity", str(key), str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    try:
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            first = tar.next()
            if first is None or first.name != MANIFEST:
                raise InputError(f"{path}: is not a backup made by Skerry")
            stream = tar.extractfile(first)
            assert stream
            yield parse(stream.read().decode()), _files(tar)
        process.stdout.read()  # the padding after the tar's end, so that age checks it, too
        if process.wait():
            raise InputError(f"{path}: is damaged; use another backup")
    except (tarfile.TarError, OSError):
        process.kill()
        raise InputError(f"{path}: {_problem(process.stderr.read().decode(), key)}") from None
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


def _problem(message: str, key: Path) -> str:
    """Translate age's error message into what is wrong and what to do."""
    if "no identity matched" in message:
        return f"the key {key} does not open it; name the right one with --key"
    if "malformed" in message or ("reading" in message and "identity" in message.lower()):
        return f"{key} is no age key; name the right one with --key"
    return "is damaged, or not a backup made by Skerry; use another one"


def check(path: Path, key: Path) -> Manifest:
    """Decrypt the whole archive and compare every checksum. Returns the manifest. Raises InputError if one differs."""
    with opened(path, key) as (manifest, files):
        checksums = {name: _sha256(stream) for name, stream in files}
    if checksums != manifest.files:
        raise InputError(f"{path}: its files are not those of its manifest; use another backup")
    return manifest


def _sha256(stream: IO[bytes]) -> str:
    hashing = HashingStream(stream)
    while hashing.read(BLOCK):
        pass
    return hashing.sha256


def record(path: Path) -> str:
    """Write the archive's sha256 beside it, in the format of `sha256sum --check`. Returns the sha256."""
    sha256 = digest(path)
    replace(_checksum_file(path), f"{sha256}  {path.name}\n")
    return sha256


def check_record(path: Path) -> None:
    """Compare the archive with the sha256 recorded beside it, if any. Raises InputError if they differ."""
    file = _checksum_file(path)
    if file.is_file() and file.read_text().split()[:1] != [digest(path)]:
        raise InputError(f"{path}: does not have the checksum in {file.name}; use another backup")


def _checksum_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
