"""Fill the air-gap folder and the lock, where there is internet."""

from __future__ import annotations

import urllib.request
from pathlib import Path

from rich.progress import Progress

from skerry.local.artifacts import TIMEOUT_SECONDS, Unreachable, checksum, checksums_text
from skerry.local.files import digest, replace
from skerry.local.paths import PROJECT
from skerry.model.artifacts import (
    ARCHITECTURES,
    PINNED,
    Artifact,
    checksum_locations,
    k3s_artifacts,
    locations,
    pinned_artifact,
)
from skerry.model.errors import InputError
from skerry.model.settings.settings import Settings

BLOCK = 1 << 20


def wanted(settings: Settings, arch: str) -> list[Artifact]:
    """K3s, and for a hand-over to Flux the operator's tools for it."""
    tools = [] if settings.flux_forge == "none" else [pinned_artifact(name, arch) for name in PINNED]
    return [*k3s_artifacts(settings.k3s_version, arch, images=True), *tools]


def fetch_all(settings: Settings, arch: str) -> None:
    """Download what the settings call for into the air-gap folder, each file checked before it gets its name.

    Raises InputError for a wrong checksum (the file is deleted), Unreachable when a download fails.
    """
    for artifact in wanted(settings, arch):
        sha256 = checksum(artifact, settings)
        here, remote, *_ = locations(artifact, PROJECT / settings.artifact_folder, settings.artifact_mirror)
        path = Path(here)
        path.parent.mkdir(parents=True, exist_ok=True)
        sums = checksum_locations(artifact, PROJECT / settings.artifact_folder, "")[0]
        replace(Path(sums), checksums_text(artifact, settings))
        if path.is_file() and digest(path) == sha256:
            print(f"{path}: in place")
            continue
        _download(remote, path, sha256)
        print(f"{path}: fetched")


def _download(url: str, path: Path, sha256: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        with (
            urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer,  # noqa: S310  http(s) only, by the settings
            part.open("wb") as file,
            Progress(transient=True) as progress,
        ):
            task = progress.add_task(path.name, total=int(answer.headers.get("Content-Length") or 0) or None)
            while block := answer.read(BLOCK):
                file.write(block)
                progress.update(task, advance=len(block))
        if (found := digest(part)) != sha256:
            raise InputError(f"{url} has the checksum {found}, not {sha256}; it was deleted")
        part.replace(path)
    except OSError as error:
        raise Unreachable(f"{url} cannot be fetched: {getattr(error, 'reason', error)}") from error
    finally:
        part.unlink(missing_ok=True)


def lock_all(settings: Settings) -> None:
    """Record the checksums of everything the settings call for, for both architectures."""
    for arch in ARCHITECTURES:
        for artifact in wanted(settings, arch):
            print(f"{artifact.filename} {artifact.version} {arch}: {checksum(artifact, settings)}")
    print(f"Next: commit {settings.artifact_lock}")
