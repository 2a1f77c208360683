"""Programs the fleet needs on this machine: where they come from, and how each is held to its checksum.

In this order: the air-gap folder (the pinned release, against artifacts.lock.yaml), this project's virtual
environment (sops, pinned by requirements.lock), PATH, and for age and kustomize the Debian archive, whose
signature apt verifies. Nothing is installed without a word.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from skerry.local.paths import PROJECT
from skerry.model.artifact_lock import LOCK_FILE, Lock, published_checksum
from skerry.model.artifacts import PINNED, Artifact, checksum_locations, locations, pinned_artifact
from skerry.model.errors import InputError

CACHE = Path(os.environ.get("SKERRY_HOME", PROJECT / ".skerry")) / "tools"
PACKAGES = {
    "age-keygen": "age",
    "git": "git",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
}
OLDEST_KUSTOMIZE = 5  # `labels`, `patches` with a target, `components`; kubectl carries it since 1.27
DEBIAN = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main\n"


@functools.cache
def find(name: str) -> str:
    """Where a program is: "sops", "age-keygen", "flux", "git" …; InputError when it cannot be had."""
    if name in PINNED and (path := _from_folder(name)):
        return str(path)
    own = Path(sys.executable).parent / name
    if own.is_file():
        return str(own)
    if found := shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
        return found
    if name in PACKAGES:
        _apt(PACKAGES[name])
        return find.__wrapped__(name) if shutil.which(name) else _missing(name)
    return _missing(name)


@functools.cache
def kustomize() -> tuple[str, ...]:
    """The command that renders a folder, kustomize 5 or newer: kubectl's own, or kustomize itself."""
    if (kubectl := shutil.which("kubectl")) and _kustomize_major(
        kubectl, "version", "--client"
    ) >= OLDEST_KUSTOMIZE:
        return (kubectl, "kustomize")
    for program in (shutil.which("kustomize"), CACHE / "kustomize" / "usr" / "bin" / "kustomize"):
        # Debian's own build calls itself "(devel)"; it is 5 since Debian 13.
        if (
            program
            and Path(program).is_file()
            and _kustomize_major(str(program), "version") >= OLDEST_KUSTOMIZE
        ):
            return (str(program), "build")
    return (str(_kustomize_from_debian()), "build")


def _kustomize_major(*command: str) -> int:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    match = re.search(r"(?:Kustomize Version: )?v(\d+)\.\d+\.\d+\s*$", done.stdout.strip())
    return OLDEST_KUSTOMIZE if "(devel)" in done.stdout else int(match[1]) if match else 0


def _from_folder(name: str) -> Path | None:
    """The pinned release in the air-gap folder, checked; None when it is not there."""
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")
    if sys.platform != "linux" or not arch:
        return None
    artifact = pinned_artifact(name, arch)
    folder = PROJECT / "artifacts"
    here = Path(locations(artifact, folder, "")[0])
    if not here.is_file():
        return None
    wanted = _checksum(artifact, folder)
    content = here.read_bytes()
    if hashlib.sha256(content).hexdigest() != wanted:
        raise InputError(
            f"{here} does not have the checksum {wanted}; delete it and run `invoke artifacts-fetch`"
        )
    return _unpacked(artifact, here, wanted)


def _checksum(artifact: Artifact, folder: Path) -> str:
    """From the lock, else from the publisher's checksum file beside the release."""
    lock = PROJECT / LOCK_FILE
    known = Lock.parse(lock.read_text()).get(artifact) if lock.is_file() else None
    sums = Path(checksum_locations(artifact, folder, "")[0])
    if known is None and not sums.is_file():
        raise InputError(
            f"{sums} is missing, and {LOCK_FILE} has no {artifact.filename}; run `invoke artifacts-fetch`"
        )
    return known or published_checksum(artifact, sums.read_text())


def _unpacked(artifact: Artifact, here: Path, sha256: str) -> Path:
    """The program itself, executable, in a folder named by its checksum."""
    program = CACHE / sha256[:16] / artifact.name
    if program.is_file():
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    part = program.with_name(f".{artifact.name}.{os.getpid()}.part")
    if artifact.filename.endswith(".tar.gz"):
        with tarfile.open(here) as archive:
            member = archive.extractfile(artifact.name)
            if member is None:
                raise InputError(f"{here} holds no program {artifact.name}; delete it")
            part.write_bytes(member.read())
    else:
        shutil.copyfile(here, part)
    part.chmod(0o755)
    part.replace(program)
    return program


def _kustomize_from_debian() -> Path:
    """kustomize out of Debian 13's package, unpacked for this project alone."""
    apt, keyring = shutil.which("apt-get"), Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    if not apt or not keyring.is_file() or platform.machine() not in ("x86_64", "aarch64"):
        raise InputError(
            "kubectl 1.27 or newer is needed to render overlays; see https://kubernetes.io/docs/tasks/tools/"
        )
    state = CACHE / "apt"
    for folder in ("lists/partial", "archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "sources.list").write_text(DEBIAN)
    options = [
        f"Dir::Etc::sourcelist={state}/sources.list",
        "Dir::Etc::sourceparts=-",
        f"Dir::State::lists={state}/lists",
    ]
    options += [f"Dir::Cache={state}", "APT::Sandbox::User=root", "Acquire::Languages=none"]
    command = [apt, *(word for option in options for word in ("-o", option))]
    print(
        "kubectl 1.27 or newer is not here: unpacking Debian 13's kustomize into .skerry/tools",
        file=sys.stderr,
    )
    for action in (["update"], ["download", "kustomize"]):
        _checked([*command, *action], cwd=state, remedy="install kubectl 1.27 or newer")
    package = max(state.glob("kustomize_*.deb"), key=lambda path: path.stat().st_mtime)
    part, place = CACHE / f".kustomize.{os.getpid()}", CACHE / "kustomize"
    _checked(
        ["dpkg-deb", "--extract", str(package), str(part)], cwd=state, remedy="install kubectl 1.27 or newer"
    )
    part.rename(place)
    return place / "usr" / "bin" / "kustomize"


def _apt(package: str) -> None:
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return
    print(f"installing {package}", file=sys.stderr)
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"]
    install = [*command, "install", "-y", "--no-install-recommends", package]
    if subprocess.run(install, capture_output=True, check=False).returncode:
        _checked([*command, "update"], remedy=f"install {package}")
        _checked(install, remedy=f"install {package}")


def _checked(command: list[str], remedy: str, cwd: Path = PROJECT) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise InputError(f"{Path(command[0]).name} failed: {why}; {remedy} yourself")


def _missing(name: str) -> str:
    remedy = {
        "age-keygen": "install the package age",
        "flux": f"put flux {PINNED['flux']} on PATH, or run `invoke artifacts-fetch` where there is internet",
        "sops": "run `make .venv/ready`, which installs it",
    }.get(name, f"install {PACKAGES.get(name, name)}")
    raise InputError(f"{name} is not installed; {remedy}")
