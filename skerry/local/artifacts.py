"""Finding artifacts: the air-gap folder first, then the mirror, then the release; each against the lock."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

from skerry.local.files import replace
from skerry.local.paths import PROJECT
from skerry.model.artifact_lock import Lock, published_checksum
from skerry.model.artifacts import Artifact, ArtifactSource, checksum_locations, k3s_artifacts, locations
from skerry.model.errors import InputError
from skerry.model.settings.settings import Settings

TIMEOUT_SECONDS = 20


class Unreachable(RuntimeError):
    """A download did not answer. The message says what, why, and what to do instead."""


def sources(settings: Settings, arch: str) -> dict[str, ArtifactSource]:
    """Where each K3s artifact of `arch` comes from, by its file name.

    Raises InputError when the air-gap folder lacks a file that must be pushed, and when a checksum contradicts
    the lock; Unreachable when a checksum has to be fetched and cannot be.
    """
    wanted = k3s_artifacts(settings.k3s_version, arch, images=settings.k3s_airgap_images)
    return {artifact.filename: _source(artifact, settings) for artifact in wanted}


def _source(artifact: Artifact, settings: Settings) -> ArtifactSource:
    folder = PROJECT / settings.artifact_folder
    here, remote, *_ = locations(artifact, folder, settings.artifact_mirror)
    if settings.artifact_delivery == "push" and not Path(here).is_file():
        raise InputError(f"{here} is missing; run `invoke artifacts-fetch` where there is internet")
    sha256 = checksum(artifact, settings)
    if not Path(here).is_file():
        return ArtifactSource(remote, sha256)
    return ArtifactSource(Path(here), sha256)


def checksum(artifact: Artifact, settings: Settings) -> str:
    """The artifact's sha256: from the lock, else from the publisher's checksum file, which then enters the lock."""
    lock_path = PROJECT / settings.artifact_lock
    lock = read_lock(lock_path)
    if (locked := lock.get(artifact)) is not None:
        return locked
    listed = published_checksum(artifact, checksums_text(artifact, settings))
    replace(lock_path, lock.add(artifact, listed).render())
    return listed


def checksums_text(artifact: Artifact, settings: Settings) -> str:
    """The publisher's checksum file: from the air-gap folder, the mirror or the release. Raises Unreachable."""
    folder = PROJECT / settings.artifact_folder
    here, remote, *_ = checksum_locations(artifact, folder, settings.artifact_mirror)
    return Path(here).read_text() if Path(here).is_file() else fetch(remote).decode()


def fetch(url: str) -> bytes:
    """The body at `url`, https or http. Raises Unreachable."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  settings allow http(s) only
            body: bytes = answer.read()
            return body
    except (OSError, urllib.error.URLError) as error:
        raise Unreachable(f"{url} cannot be reached: {getattr(error, 'reason', error)}") from error


def read_lock(path: Path) -> Lock:
    """The lock file, empty where there is none. Raises InputError when it is not a lock."""
    return Lock.parse(path.read_text()) if path.is_file() else Lock.empty()
