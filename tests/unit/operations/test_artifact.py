"""The scripts that place an artifact, run in a temporary folder: a complete artifact or nothing."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from pathlib import Path

import pytest

from skerry.model.artifacts import ArtifactSource, Destination
from skerry.operations import artifact
from skerry.operations.artifact import fetch_script, receive_script
from tests.unit.shell import needs_root, shell

pytestmark = needs_root


BINARY = b"a binary of some length"


GOOD = ArtifactSource("https://mirror.example/k3s", hashlib.sha256(BINARY).hexdigest())


@pytest.fixture
def destination(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Destination:
    monkeypatch.setattr(artifact, "LOCK", f"exec 9> {tmp_path}/lock && flock --timeout 9 9")
    return Destination(str(tmp_path / "v1" / "k3s"), "755")


def files_beside(destination: Destination) -> list[str]:
    """The names of the files in the artifact's folder."""
    return sorted(entry.name for entry in Path(destination.path).parent.iterdir())


def is_complete(destination: Destination) -> bool:
    status = Path(destination.path).stat()
    checksum_file = Path(f"{destination.path}.sha256").read_text()
    whole = checksum_file == f"{GOOD.sha256} {status.st_ino} {len(BINARY)} {int(status.st_ctime)}\n"
    return whole and oct(status.st_mode & 0o777) == "0o755" and Path(destination.path).read_bytes() == BINARY


def test_an_artifact_with_its_checksum_gets_its_name_and_a_checksum_file(destination: Destination) -> None:
    fetch = f"printf %s {shlex.quote(BINARY.decode())} > {destination.part(GOOD)}"
    assert shell(fetch_script(GOOD, destination, fetch)).returncode == 0
    assert is_complete(destination)
    assert files_beside(destination) == ["k3s", "k3s.sha256"]


def test_a_tampered_artifact_leaves_nothing(destination: Destination) -> None:
    result = shell(fetch_script(GOOD, destination, f"echo tampered > {destination.part(GOOD)}"))
    assert result.returncode != 0
    assert "https://mirror.example/k3s does not have the checksum" in result.stderr
    assert files_beside(destination) == []


def test_a_failed_fetch_leaves_nothing(destination: Destination) -> None:
    assert shell(fetch_script(GOOD, destination, f"echo x > {destination.part(GOOD)}; false")).returncode != 0
    assert files_beside(destination) == []


def receive(destination: Destination, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    script = receive_script(GOOD, destination, len(BINARY))
    return subprocess.run(["sh", "-c", script], input=stdin, capture_output=True, check=False)


def test_an_interrupted_upload_is_resumed(destination: Destination) -> None:
    cut = receive(destination, b"0\n" + BINARY[:9])
    assert cut.returncode != 0
    assert b"run it again to go on" in cut.stderr
    part = Path(destination.part(GOOD))
    assert part.read_bytes() == BINARY[:9]
    former_shell = part.open("ab")  # of the interrupted connection
    done = receive(destination, b"9\n" + BINARY[9:])
    former_shell.write(b"late")
    former_shell.close()
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().split()[:2] == ["9", hashlib.sha256(BINARY[:9]).hexdigest()]
    assert is_complete(destination)
    assert files_beside(destination) == ["k3s", "k3s.sha256"]


def test_an_upload_starts_again_if_the_partial_file_is_another_file(destination: Destination) -> None:
    Path(destination.path).parent.mkdir()
    Path(destination.part(GOOD)).write_bytes(b"something else")
    assert receive(destination, b"0\n" + BINARY).returncode == 0
    assert is_complete(destination)


def test_a_damaged_upload_leaves_nothing(destination: Destination) -> None:
    result = receive(destination, b"0\n" + BINARY[::-1])
    assert result.returncode != 0
    assert b"does not have the checksum" in result.stderr
    assert files_beside(destination) == []
