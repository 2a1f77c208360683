"""The operating system of new hosts: SKERRY_LAB_RELEASE, else Ubuntu 20.04 or Debian 11, whichever is at hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass

from skerry.lab.host import LabError


@dataclass(frozen=True)
class OsRelease:
    """One release of Ubuntu or Debian."""

    name: str
    title: str
    family: str
    """"ubuntu" or "debian"."""
    kernel: str
    """The kernel package of virtual servers."""
    security: str
    """The suite with security updates."""
    components: str = "main"


RELEASES = {
    release.name: release
    for release in (
        OsRelease(
            "focal", "Ubuntu 20.04", "ubuntu", "linux-image-virtual", "focal-security", "main,universe"
        ),
        OsRelease(
            "jammy", "Ubuntu 22.04", "ubuntu", "linux-image-virtual", "jammy-security", "main,universe"
        ),
        OsRelease(
            "noble", "Ubuntu 24.04", "ubuntu", "linux-image-virtual", "noble-security", "main,universe"
        ),
        OsRelease("bullseye", "Debian 11", "debian", "linux-image-cloud-amd64", "bullseye-security"),
        OsRelease("bookworm", "Debian 12", "debian", "linux-image-cloud-amd64", "bookworm-security"),
    )
}
PREFERRED, FALLBACK = RELEASES["focal"], RELEASES["bullseye"]


def choose(built: Collection[str], reachable: Callable[[OsRelease], bool]) -> tuple[OsRelease, str]:
    """Returns the release for new hosts, and the reason for the choice. Raises LabError if the user set an unknown one.

    `built` names the releases with a finished image, which are preferred, so that the choice does not change from
    one call to the next.
    """
    forced = os.environ.get("SKERRY_LAB_RELEASE")
    if forced:
        if forced not in RELEASES:
            raise LabError(f"SKERRY_LAB_RELEASE={forced} is not known; choose one of {', '.join(RELEASES)}")
        return RELEASES[forced], "set by SKERRY_LAB_RELEASE"
    for release in (PREFERRED, FALLBACK):
        if release.name in built:
            return release, "its image exists"
    if reachable(PREFERRED):
        return PREFERRED, "Ubuntu's archive is reachable"
    return FALLBACK, f"the closest to {PREFERRED.title}, as Ubuntu's archive is not reachable"
