"""The files that Skerry downloads: the table of releases, and where to look for a file.

This module contains no checksums. They come from the publishers' checksum files over HTTPS and are recorded in
artifacts.lock.yaml (skerry/model/artifact_lock.py), which the user commits; later downloads must match.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from skerry.model.errors import InputError

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""The supported architectures: the output of `uname --machine`, and the name in releases."""


@dataclass(frozen=True)
class Artifact:
    """A file of a release, and the URL of its publisher's checksum file. `arch`: "amd64" or "arm64"."""

    name: str
    version: str
    arch: str
    filename: str
    url: str
    checksums_url: str
    sha256: str | None = None


@dataclass(frozen=True)
class ArtifactSource:
    """The source of an artifact for a host, and the checksum that the artifact must have.

    `location` is a file on this machine, which is uploaded, or a URL, from which the host downloads.
    """

    location: Path | str
    sha256: str

    def __str__(self) -> str:
        return str(self.location)


@dataclass(frozen=True)
class Destination:
    """The path of an installed artifact on a host, and its octal mode."""

    path: str
    mode: str

    def part(self, source: ArtifactSource) -> str:
        """Returns the path of the incomplete file, on the same file system as the final one."""
        return f"{self.path}.{source.sha256[:12]}.part"


@dataclass(frozen=True)
class Release:
    """Templates of a publisher's URLs: a version's folder, its checksum file, and the file of each architecture."""

    name: str
    folder: str
    checksums: str
    amd64: str
    arm64: str

    def artifact(self, version: str, arch: str) -> Artifact:
        """Returns the file for `arch`, "amd64" or "arm64". Raises InputError for any other architecture."""
        if arch not in ARCHITECTURES.values():
            raise InputError(
                f"no {self.name} for {arch!r}; use a host of {' or '.join(ARCHITECTURES.values())}"
            )
        filename, checksums = (
            text.format(version=version, arch=arch) for text in (getattr(self, arch), self.checksums)
        )
        base = self.folder.format(version=quote(version, safe=""))
        url, checksums_url = f"{base}/{filename}", f"{base}/{checksums}"
        return Artifact(self.name, version, arch, filename, url, checksums_url)


# k3s-io/k3s, .github/workflows/release.yml and scripts/validate-artifacts
_K3S = "https://github.com/k3s-io/k3s/releases/download/{version}"
_K3S_IMAGES = "k3s-airgap-images-{arch}.tar.zst"
# fluxcd/flux2, .goreleaser.yml
_FLUX = "https://github.com/fluxcd/flux2/releases/download/v{version}"
_FLUX_FILE = "flux_{version}_linux_{arch}.tar.gz"
# https://github.com/getsops/sops/releases
_SOPS = "https://github.com/getsops/sops/releases/download/v{version}"
_SOPS_FILE = "sops-v{version}.linux.{arch}"

TABLE = {
    "k3s": Release("k3s", _K3S, "sha256sum-{arch}.txt", "k3s", "k3s-arm64"),
    "k3s-images": Release("k3s", _K3S, "sha256sum-{arch}.txt", _K3S_IMAGES, _K3S_IMAGES),
    "flux": Release("flux", _FLUX, "flux_{version}_checksums.txt", _FLUX_FILE, _FLUX_FILE),
    "sops": Release("sops", _SOPS, "sops-v{version}.checksums.txt", _SOPS_FILE, _SOPS_FILE),
    # age is missing: its publisher provides Sigsum proofs instead of a checksum file (FiloSottile/age#502 and SIGSUM.md
    # there). Install the distribution's package.
}

# Versions of the tools that run on the operator's machine. No setting changes them.
PINNED = {"flux": "2.9.4", "sops": "3.13.2"}


def k3s_artifacts(version: str, arch: str, images: bool) -> list[Artifact]:
    """Returns the K3s binary and, with `images`, the archive of container images for hosts that reach no registry."""
    names = ["k3s", "k3s-images"] if images else ["k3s"]
    return [TABLE[name].artifact(version, arch) for name in names]


def pinned_artifact(name: str, arch: str) -> Artifact:
    """Returns the pinned version of a tool that runs on the operator's machine, "flux" or "sops"."""
    return TABLE[name].artifact(PINNED[name], arch)


def locations(artifact: Artifact, folder: Path, mirror: str) -> list[str]:
    """Returns where the artifact may be: a path in the air-gap folder, the mirror's URL if set, the release's URL."""
    return _locations(artifact, artifact.url, folder, mirror)


def checksum_locations(artifact: Artifact, folder: Path, mirror: str) -> list[str]:
    """Returns where to look for the artifact's checksum file, in the order of `locations`."""
    return _locations(artifact, artifact.checksums_url, folder, mirror)


def _locations(artifact: Artifact, url: str, folder: Path, mirror: str) -> list[str]:
    filename = url.rpartition("/")[2]
    local = folder / artifact.name / artifact.version / filename
    mirrored = f"{mirror.rstrip('/')}/{quote(artifact.version, safe='')}/{filename}"
    return [str(local), *([mirrored] if mirror else []), url]
