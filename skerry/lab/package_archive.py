"""The package archive of a release: its address, whether it is reachable, the keys that sign it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from skerry.lab.command import run, which
from skerry.lab.host import LabError
from skerry.lab.os_release import OsRelease
from skerry.lab.programs import install, require

_MIRRORS = {"debian": "http://deb.debian.org/debian", "ubuntu": "http://archive.ubuntu.com/ubuntu"}
_KEYRINGS = Path("/usr/share/keyrings")
# Ubuntu's archive signing keys of 2012 and 2018, for machines without Ubuntu's keyring.
_UBUNTU_KEYS = (
    "790BC7277767219C42C86F933B4FE6ACC0B21F32",
    "F6ECB3762474EDA9D21B7022871920D1991BC93C",
)


def mirror(release: OsRelease) -> str:
    """The archive's address: SKERRY_LAB_MIRROR, else the official one."""
    return (os.environ.get("SKERRY_LAB_MIRROR") or _MIRRORS[release.family]).rstrip("/")


def sources(release: OsRelease, mirror: str) -> str:
    """The sources.list of a host: release, updates, security updates."""
    security = mirror + "-security" if release.family == "debian" else mirror
    components = release.components.replace(",", " ")
    suites = [(mirror, release.name), (mirror, f"{release.name}-updates"), (security, release.security)]
    return "".join(f"deb {address} {suite} {components}\n" for address, suite in suites)


def reachable(release: OsRelease) -> bool:
    """Whether apt can read the archive with this machine's proxy settings."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            _apt(Path(folder), release, "update")
        except LabError:
            return False
    return True


def keyring(release: OsRelease, folder: Path) -> Path:
    """Returns a keyring for the archive. If it is missing, Debian's is installed and Ubuntu's is made in `folder`."""
    if release.family == "debian":
        if not (_KEYRINGS / "debian-archive-keyring.gpg").exists():
            install("debian-archive-keyring")
        return _KEYRINGS / "debian-archive-keyring.gpg"
    installed = _KEYRINGS / "ubuntu-archive-keyring.gpg"
    return installed if installed.exists() else _pinned_keyring(release, folder)


def _pinned_keyring(release: OsRelease, folder: Path) -> Path:
    """A keyring with the keys of Ubuntu's keyring package that have a pinned fingerprint."""
    require("gpg")
    pinned = folder / "ubuntu.gpg"
    with tempfile.TemporaryDirectory() as name:
        temp = Path(name)
        _apt(temp, release, "update")
        _apt(temp, release, "download", "ubuntu-keyring")
        run(["dpkg-deb", "-x", str(next(temp.glob("ubuntu-keyring_*.deb"))), str(temp / "package")])
        unpacked = temp / "package/usr/share/keyrings/ubuntu-archive-keyring.gpg"
        gpg = ["gpg", "--homedir", name, "--batch", "--no-default-keyring", "--keyring", str(unpacked)]
        run([*gpg, "--output", str(pinned), "--export", *_UBUNTU_KEYS])
    if not pinned.exists():
        raise LabError(f"the keyring from {mirror(release)} has none of Ubuntu's known signing keys")
    return pinned


def _apt(folder: Path, release: OsRelease, *command: str) -> None:
    """Run apt-get with only this archive and its files in `folder`. Signatures are not verified: keys come later."""
    if which("apt-get") is None:
        raise LabError("there is no apt-get here; images can only be built on Debian or Ubuntu")
    for subfolder in ("state/lists/partial", "cache/archives/partial"):
        (folder / subfolder).mkdir(parents=True, exist_ok=True)
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
