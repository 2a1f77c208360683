"""Fill the air-gap folder and the lock, on a machine with internet access."""

from __future__ import annotations

from pathlib import Path

from rich.progress import Progress

from skerry.local.artifacts import checksum, checksums_text
from skerry.local.files import digest, replace
from skerry.local.http_client import download
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


def artifacts(settings: Settings, arch: str) -> list[Artifact]:
    """Returns the artifacts that the settings need: K3s, and unless flux_forge is "none", the tools of the hand-off."""
    tools = [] if settings.flux_forge == "none" else [pinned_artifact(name, arch) for name in PINNED]
    return [*k3s_artifacts(settings.k3s_version, arch, images=True), *tools]


def fetch_all(settings: Settings, arch: str) -> None:
    """Download what the settings need into the air-gap folder.

    A download with a wrong checksum is deleted, and raises InputError. Raises RuntimeError if a download fails.
    """
    for artifact in artifacts(settings, arch):
        sha256 = checksum(artifact, settings)
        local, remote, *_ = locations(artifact, PROJECT / settings.artifact_folder, settings.artifact_mirror)
        path = Path(local)
        path.parent.mkdir(parents=True, exist_ok=True)
        sums = checksum_locations(artifact, PROJECT / settings.artifact_folder, "")[0]
        replace(Path(sums), checksums_text(artifact, settings))
        if path.is_file() and digest(path) == sha256:
            print(f"{path}: in place")
            continue
        _download(remote, path, sha256)
        print(f"{path}: fetched")


def _download(url: str, path: Path, sha256: str) -> None:
    """Download into a temporary file, which is renamed if its checksum is right. Raises like `fetch_all`."""
    part = path.with_name(f".{path.name}.part")
    try:
        with (
            download(url) as response,
            part.open("wb") as file,
            Progress(transient=True) as progress,
        ):
            total = int(response.headers.get("Content-Length") or 0) or None
            task = progress.add_task(path.name, total=total)
            for block in response.iter_raw(BLOCK):
                file.write(block)
                progress.update(task, advance=len(block))
        if (actual := digest(part)) != sha256:
            raise InputError(f"{url} has the checksum {actual}, not {sha256}; it was deleted")
        part.replace(path)
    except OSError as error:
        raise RuntimeError(f"{path} cannot be written: {error}; make room, or correct its folder") from error
    finally:
        part.unlink(missing_ok=True)


def lock_all(settings: Settings) -> None:
    """Record the checksums of what the settings need, for both architectures, in the lock."""
    for arch in ARCHITECTURES.values():
        for artifact in artifacts(settings, arch):
            print(f"{artifact.filename} {artifact.version} {arch}: {checksum(artifact, settings)}")
    print(f"Next: commit {settings.artifact_lock}")
