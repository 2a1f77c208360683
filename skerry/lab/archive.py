"""The package archive of a release: where it is, whether it answers, which keys it signs with."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from skerry.lab import tools
from skerry.lab.command import run, which
from skerry.lab.host import LabError
from skerry.lab.release import Release

_MIRRORS = {"debian": "http://deb.debian.org/debian", "ubuntu": "http://archive.ubuntu.com/ubuntu"}
_KEYRINGS = Path("/usr/share/keyrings")
# Ubuntu's archive signing keys of 2012 and 2018: the anchor where the machine has no Ubuntu keyring.
_UBUNTU_KEYS = (
    "790BC7277767219C42C86F933B4FE6ACC0B21F32",
    "F6ECB3762474EDA9D21B7022871920D1991BC93C",
)


def mirror(release: Release) -> str:
    """SKERRY_LAB_MIRROR, else the family's own archive."""
    return (os.environ.get("SKERRY_LAB_MIRROR") or _MIRRORS[release.family]).rstrip("/")


def sources(release: Release, mirror: str) -> str:
    """The sources.list of a host: the release, its updates, its security updates."""
    security = mirror + "-security" if release.family == "debian" else mirror
    components = release.components.replace(",", " ")
    suites = [(mirror, release.name), (mirror, f"{release.name}-updates"), (security, release.security)]
    return "".join(f"deb {address} {suite} {components}\n" for address, suite in suites)


def reachable(release: Release) -> bool:
    """Whether the archive answers to apt, with this machine's proxy settings."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            _apt(Path(folder), release, "update")
        except LabError:
            return False
    return True


def keyring(release: Release, folder: Path) -> Path:
    """A keyring that verifies the archive; `folder` is where one is made if the machine has none."""
    if release.family == "debian":
        if not (_KEYRINGS / "debian-archive-keyring.gpg").exists():
            tools.install("debian-archive-keyring")
        return _KEYRINGS / "debian-archive-keyring.gpg"
    installed = _KEYRINGS / "ubuntu-archive-keyring.gpg"
    return installed if installed.exists() else _pinned_keyring(release, folder)


def _pinned_keyring(release: Release, folder: Path) -> Path:
    """Ubuntu's own keyring package, reduced to the keys whose fingerprints are known here."""
    tools.need("gpg")
    pinned = folder / "ubuntu.gpg"
    with tempfile.TemporaryDirectory() as name:
        temp = Path(name)
        _apt(temp, release, "update")
        _apt(temp, release, "download", "ubuntu-keyring")
        run(["dpkg-deb", "-x", str(next(temp.glob("ubuntu-keyring_*.deb"))), str(temp / "package")])
        found = temp / "package/usr/share/keyrings/ubuntu-archive-keyring.gpg"
        gpg = ["gpg", "--homedir", name, "--batch", "--no-default-keyring", "--keyring", str(found)]
        run([*gpg, "--output", str(pinned), "--export", *_UBUNTU_KEYS])
    if not pinned.exists():
        raise LabError(f"the keyring from {mirror(release)} holds none of Ubuntu's known signing keys")
    return pinned


def _apt(folder: Path, release: Release, *command: str) -> None:
    """Run apt-get on nothing but this archive, in a folder of its own, unauthenticated."""
    if which("apt-get") is None:
        raise LabError("there is no apt-get here; images are built on Debian or Ubuntu")
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    (folder / "sources").write_text(f"deb [trusted=yes arch=amd64] {mirror(release)} {release.name} main\n")
    settings = {
        "Dir::State": folder / "state", "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache", "Dir::Etc::SourceList": folder / "sources",
        "Dir::Etc::SourceParts": "/dev/null", "APT::Architecture": "amd64", "APT::Architectures": "amd64",
        "APT::Sandbox::User": "root", "Acquire::Languages": "none", "Acquire::Retries": 0,
        "Acquire::http::Timeout": 15, "APT::Update::Error-Mode": "any",
    }  # fmt: skip
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    run(["apt-get", *options, *command], timeout=120, cwd=folder)
