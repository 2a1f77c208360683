"""The contents of an image, and the digest that tells one recipe from another."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from skerry.lab.os_release import OsRelease

GUEST = Path(__file__).parent / "guest"
"""Scripts and units that run inside the hosts. Those named below are part of the digest, comments included."""

LAUNCH = Path(__file__).parent / "launch"
"""Scripts that run the hosts."""

# As bare as the smallest images of providers: no curl, no ca-certificates, no time service, no firewall. disk.sh
# adds a few packages for qemu hosts, because their installation takes minutes when the host is emulated.
PACKAGES = (
    "dbus", "e2fsprogs", "fdisk", "iproute2", "iputils-ping", "kmod", "libpam-systemd", "netbase",
    "openssh-server", "procps", "python3", "sudo", "systemd-sysv", "tzdata", "udev",
)  # fmt: skip
DISK_GIB = 4
"""The size of the image. A host's disk is larger and grows at first boot."""
SWAP_MIB = 256
"""Rented hosts often come with swap."""


def tree_digest(release: OsRelease) -> str:
    """Digest of the recipe of the directory tree, from which both kinds of image are made."""
    return _digest(release.name, release.security, release.components, PACKAGES, _read("tree.sh"))


def disk_digest(release: OsRelease) -> str:
    """Digest of the recipe of the bootable disk, which is made from the tree."""
    parts = [_read(name) for name in ("disk.sh", "seal.sh", "seed.sh", "lab-seed.service")]
    return _digest(tree_digest(release), release.kernel, DISK_GIB, SWAP_MIB, parts)


def _read(name: str) -> str:
    return (GUEST / name).read_text()


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
