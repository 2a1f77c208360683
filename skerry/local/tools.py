"""Find the programs that Skerry runs on this machine, or install them.

In this order: the pinned release in the air-gap folder, if its checksum is that of artifacts.lock.yaml or, without an
entry there, of the publisher's file; this project's virtual environment (sops, pinned by requirements.lock); PATH; for
age, Git and SSH a package of the distribution. A line on standard error announces an installation.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from skerry.local.console import report
from skerry.local.files import digest
from skerry.local.paths import PROJECT, TOOLS
from skerry.model.artifact_lock import LOCK_FILE, Lock, published_checksum
from skerry.model.artifacts import (
    ARCHITECTURES,
    PINNED,
    Artifact,
    checksum_locations,
    locations,
    pinned_artifact,
)
from skerry.model.errors import InputError

# The Debian packages of programs that may be installed by apt.
PACKAGES = {
    "age-keygen": "age",
    "git": "git",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
}


@functools.cache
def find(name: str) -> str:
    """Returns the path of a program such as "sops", "flux" or "git". Raises InputError if it is missing or damaged."""
    if name in PINNED and (path := _from_folder(name)):
        return str(path)
    in_environment = Path(sys.executable).parent / name
    if in_environment.is_file():
        return str(in_environment)
    if on_path := shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
        return on_path
    if name in PACKAGES:
        _apt(PACKAGES[name])
        return find.__wrapped__(name) if shutil.which(name) else _missing(name)
    return _missing(name)


def flux_version() -> str:
    """Returns the version of flux here, such as "2.9.4". Raises InputError without flux, RuntimeError if flux fails."""
    command = [find("flux"), "version", "--client", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise RuntimeError(f"flux version: {_last_line(done.stderr)}")
    return str(json.loads(done.stdout)["flux"]).removeprefix("v")


def _from_folder(name: str) -> Path | None:
    """Returns the program from the air-gap folder; None if not there or not for this system. InputError if damaged."""
    arch = ARCHITECTURES.get(platform.machine(), "")
    if sys.platform != "linux" or not arch:
        return None
    artifact = pinned_artifact(name, arch)
    folder = PROJECT / "artifacts"
    release = Path(locations(artifact, folder, "")[0])
    if not release.is_file():
        return None
    sha256 = _checksum(artifact, folder)
    if digest(release) != sha256:
        raise InputError(
            f"{release} does not have the checksum {sha256}; delete it and run `invoke artifacts-fetch`"
        )
    return _unpacked(artifact, release, sha256)


def _checksum(artifact: Artifact, folder: Path) -> str:
    """Returns the sha256 from the lock, else from the publisher's file in `folder`. Raises InputError without both."""
    lock = PROJECT / LOCK_FILE
    locked = Lock.parse(lock.read_text()).get(artifact) if lock.is_file() else None
    sums = Path(checksum_locations(artifact, folder, "")[0])
    if locked is None and not sums.is_file():
        raise InputError(
            f"{sums} is missing, and {LOCK_FILE} has no {artifact.filename}; run `invoke artifacts-fetch`"
        )
    return locked or published_checksum(artifact, sums.read_text())


def _unpacked(artifact: Artifact, release: Path, sha256: str) -> Path:
    """Returns the executable program, unpacked into a folder named by the checksum of its release."""
    program = TOOLS / sha256[:16] / artifact.name
    if program.is_file():
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    part = program.with_name(f".{artifact.name}.{os.getpid()}.part")
    if artifact.filename.endswith(".tar.gz"):
        with tarfile.open(release) as archive:
            member = archive.extractfile(artifact.name)
            if member is None:
                raise InputError(f"{release} holds no program {artifact.name}; delete it")
            part.write_bytes(member.read())
    else:
        shutil.copyfile(release, part)
    part.chmod(0o755)
    part.replace(program)
    return program


def _apt(package: str) -> None:
    """Install a package if the system has apt-get and the user is root; otherwise do nothing."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return
    report(f"installing {package}")
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"]
    install = [*command, "install", "-y", "--no-install-recommends", package]
    if subprocess.run(install, capture_output=True, check=False).returncode:
        run_checked([*command, "update"], remedy=f"install {package}")
        run_checked(install, remedy=f"install {package}")


def run_checked(command: list[str], remedy: str, cwd: Path = PROJECT) -> None:
    """Run a command. Raises InputError with the last line of its standard error if it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"{Path(command[0]).name} failed: {_last_line(done.stderr)}; {remedy} yourself")


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no output"])[-1]


def _missing(name: str) -> str:
    remedy = {
        "age-keygen": "install the package age",
        "flux": f"put flux {PINNED['flux']} on PATH, or run `invoke artifacts-fetch` on a machine with internet access",
        "sops": "run `make .venv/ready`, which installs it",
    }.get(name, f"install {PACKAGES.get(name, name)}")
    raise InputError(f"{name} is not installed; {remedy}")
