"""What goes into an image, and the digest that tells one recipe from another."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from skerry.lab.release import Release

GUEST = Path(__file__).parent / "guest"  # scripts and units that run inside the hosts
LAUNCH = Path(__file__).parent / "launch"  # scripts that run the hosts

# As bare as the smallest images of providers: no curl, no ca-certificates, no time service, no firewall. Emulated
# hosts have a little more, which takes minutes there: see disk.sh.
PACKAGES = (
    "dbus", "e2fsprogs", "fdisk", "iproute2", "iputils-ping", "kmod", "libpam-systemd", "netbase",
    "openssh-server", "procps", "python3", "sudo", "systemd-sysv", "tzdata", "udev",
)  # fmt: skip
DISK_GIB = 4  # size of the image; a host's disk is larger and grows at first boot
SWAP_MIB = 256  # rented hosts often come with swap switched on


def tree(release: Release) -> str:
    """Digest of the directory tree both backends start from."""
    return _digest(release.name, release.security, release.components, PACKAGES, _read("tree.sh"))


def disk(release: Release) -> str:
    """Digest of the bootable disk made from the tree."""
    parts = [_read(name) for name in ("disk.sh", "seal.sh", "seed.sh", "lab-seed.service")]
    return _digest(tree(release), release.kernel, DISK_GIB, SWAP_MIB, parts)


def _read(name: str) -> str:
    return (GUEST / name).read_text()


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
