"""The source of an artifact (air-gap folder, mirror or release) and its checksum."""

from __future__ import annotations

from pathlib import Path

from skerry.local.files import replace
from skerry.local.http_client import download
from skerry.local.paths import PROJECT
from skerry.model.artifact_lock import Lock, published_checksum
from skerry.model.artifacts import (
    Artifact,
    ArtifactSource,
    checksum_locations,
    k3s_artifacts,
    locations,
)
from skerry.model.errors import InputError
from skerry.model.settings.settings import Settings


def sources(settings: Settings, arch: str) -> dict[str, ArtifactSource]:
    """Returns the source of each K3s artifact for `arch`, by file name.

    Raises InputError if a file to be pushed is missing from the air-gap folder, or the lock or the publisher's checksum
    file is unusable; Unreachable if a checksum has to be downloaded and cannot be.
    """
    artifacts = k3s_artifacts(settings.k3s_version, arch, images=settings.k3s_airgap_images)
    return {artifact.filename: _source(artifact, settings) for artifact in artifacts}


def _source(artifact: Artifact, settings: Settings) -> ArtifactSource:
    folder = PROJECT / settings.artifact_folder
    local, remote, *_ = locations(artifact, folder, settings.artifact_mirror)
    if settings.artifact_delivery == "push" and not Path(local).is_file():
        raise InputError(
            f"{local} is missing; run `invoke artifacts-fetch` on a machine with internet access"
        )
    sha256 = checksum(artifact, settings)
    return ArtifactSource(Path(local) if Path(local).is_file() else remote, sha256)


def checksum(artifact: Artifact, settings: Settings) -> str:
    """Returns the artifact's sha256 from the lock. If the lock lacks it, adds the one in the publisher's file."""
    lock_path = PROJECT / settings.artifact_lock
    lock = read_lock(lock_path)
    if (locked := lock.get(artifact)) is not None:
        return locked
    published = published_checksum(artifact, checksums_text(artifact, settings))
    replace(lock_path, lock.add(artifact, published).render())
    return published


def checksums_text(artifact: Artifact, settings: Settings) -> str:
    """Returns the publisher's checksum file as text, from air-gap folder, mirror or release. Raises Unreachable."""
    folder = PROJECT / settings.artifact_folder
    local, remote, *_ = checksum_locations(artifact, folder, settings.artifact_mirror)
    if Path(local).is_file():
        return Path(local).read_text()
    with download(remote) as response:
        return response.read().decode(errors="replace")


def read_lock(path: Path) -> Lock:
    """Returns the lock, empty if the file does not exist. Raises InputError if it is damaged."""
    return Lock.parse(path.read_text()) if path.is_file() else Lock.empty()
