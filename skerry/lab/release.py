"""Which operating system the hosts run: Ubuntu 20.04 where its archive is in reach, else Debian 11."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass

from skerry.lab.host import LabError


@dataclass(frozen=True)
class Release:
    """One release of Ubuntu or Debian."""

    name: str
    title: str
    family: str  # "ubuntu" or "debian"
    kernel: str  # the package a virtual server of this release runs
    security: str  # the suite with security updates
    components: str = "main"


RELEASES = {
    release.name: release
    for release in (
        Release("focal", "Ubuntu 20.04", "ubuntu", "linux-image-virtual", "focal-security", "main,universe"),
        Release("jammy", "Ubuntu 22.04", "ubuntu", "linux-image-virtual", "jammy-security", "main,universe"),
        Release("noble", "Ubuntu 24.04", "ubuntu", "linux-image-virtual", "noble-security", "main,universe"),
        Release("bullseye", "Debian 11", "debian", "linux-image-cloud-amd64", "bullseye-security"),
        Release("bookworm", "Debian 12", "debian", "linux-image-cloud-amd64", "bookworm-security"),
    )
}
PREFERRED, FALLBACK = RELEASES["focal"], RELEASES["bullseye"]


def choose(built: Collection[str], reachable: Callable[[Release], bool]) -> tuple[Release, str]:
    """The release for new hosts and the reason for it.

    `built` names the releases with a finished image; they are preferred, so a choice stays as it was.
    """
    forced = os.environ.get("SKERRY_LAB_RELEASE")
    if forced:
        if forced not in RELEASES:
            raise LabError(f"SKERRY_LAB_RELEASE={forced} is not known; choose one of {', '.join(RELEASES)}")
        return RELEASES[forced], "SKERRY_LAB_RELEASE says so"
    for release in (PREFERRED, FALLBACK):
        if release.name in built:
            return release, "its image is there"
    if reachable(PREFERRED):
        return PREFERRED, "Ubuntu's archive is in reach"
    return FALLBACK, f"{PREFERRED.title}'s closest relative: Ubuntu's archive is out of reach"
