"""Images: built once, kept under images/, named by release and recipe so that a new recipe builds anew."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from skerry.lab import archive, disk, recipe, tree
from skerry.lab.command import as_root, run
from skerry.lab.host import LabError
from skerry.lab.place import Place
from skerry.lab.release import RELEASES, Release, choose

Report = Callable[[str], None]
KINDS = {"nspawn": "tree", "qemu": "disk"}  # what a backend starts from


def ensure(place: Place, backend: str, report: Report) -> Path:
    """The image for new hosts of a backend, built if need be."""
    kind = KINDS[backend]
    release, reason = choose(_built(place, kind), archive.reachable)
    report(f"image: {release.title} ({reason})")
    return _disk(place, release, report) if kind == "disk" else _tree(place, release, report)


def remove(place: Place) -> None:
    """Remove all images and the packages kept to build them faster."""
    for folder in (place.images, place.root / "packages"):
        if folder.exists():
            run(as_root(["rm", "-rf", "--one-file-system", str(folder)]), timeout=300)


def remove_unfinished(place: Place) -> None:
    """Remove what an interrupted build left."""
    if place.images.exists():
        with _alone(place):
            _remove_unfinished(place)


def _remove_unfinished(place: Place) -> None:
    for folder in place.images.glob("*.building"):
        run(as_root(["rm", "-rf", "--one-file-system", str(folder)]), timeout=300)


def name(kind: str, release: Release) -> str:
    """Directory name of an image."""
    digest = recipe.tree(release) if kind == "tree" else recipe.disk(release)
    return f"{release.name}-{kind}-{digest}"


def _built(place: Place, kind: str) -> Collection[str]:
    return [release.name for release in RELEASES.values() if (place.images / name(kind, release)).exists()]


def _tree(place: Place, release: Release, report: Report) -> Path:
    def build(folder: Path) -> None:
        tree.build(release, folder, place.root / "packages")

    return _once(place, name("tree", release), build, report, "about 2 min")


def _disk(place: Place, release: Release, report: Report) -> Path:
    def build(folder: Path) -> None:
        disk.build(release, base / "rootfs", folder, place.root / "packages", f"{place.mark}-image")

    finished = place.images / name("disk", release)
    if finished.exists():
        return finished
    base = _tree(place, release, report)
    return _once(place, finished.name, build, report, "about 2 min")


def _once(place: Place, name: str, build: Callable[[Path], None], report: Report, time: str) -> Path:
    """Build in a folder that gets its name only when all is done."""
    finished, building = place.images / name, place.images / f"{name}.building"
    with _alone(place):
        if finished.exists():
            return finished
        report(f"image: building {name} ({time}, once)")
        _remove_unfinished(place)
        building.mkdir(parents=True)
        (place.root / "packages").mkdir(exist_ok=True)
        if shutil.disk_usage(building).free < 6 * 1024**3:
            raise LabError(
                f"less than 6 GiB free at {place.images}; make room or set SKERRY_LAB to another place"
            )
        build(building)
        building.rename(finished)
        return finished


@contextmanager
def _alone(place: Place) -> Iterator[None]:
    """Nobody else builds here meanwhile: labs that are each locked by themselves may share their images."""
    place.images.mkdir(parents=True, exist_ok=True)
    with (place.images / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
