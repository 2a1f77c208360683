"""Images of hosts, built once under images/. Release and recipe name an image: a new recipe builds a new one."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from skerry.lab import disk_image, package_archive, recipe, tree_image
from skerry.lab.command import remove_trees
from skerry.lab.folder import LabFolder
from skerry.lab.host import LabError
from skerry.lab.os_release import RELEASES, OsRelease, choose

Report = Callable[[str], None]
KINDS = {"nspawn": "tree", "qemu": "disk"}
"""The kind of image from which the hosts of each backend start."""


def ensure(lab: LabFolder, backend: str, report: Report) -> Path:
    """The image for new hosts of a backend, built if it does not exist."""
    kind = KINDS[backend]
    release, reason = choose(_built(lab, kind), package_archive.reachable)
    report(f"image: {release.title} ({reason})")
    return _disk(lab, release, report) if kind == "disk" else _tree(lab, release, report)


def remove_images(lab: LabFolder) -> None:
    """Remove all images, and the packages that were kept to build them faster."""
    remove_trees(lab.images, lab.root / "packages")


def remove_unfinished(lab: LabFolder) -> None:
    """Remove the remains of interrupted builds."""
    if lab.images.exists():
        with _build_lock(lab):
            remove_trees(*lab.images.glob("*.building"))


def name(kind: str, release: OsRelease) -> str:
    """The directory name of an image."""
    digest = recipe.tree_digest(release) if kind == "tree" else recipe.disk_digest(release)
    return f"{release.name}-{kind}-{digest}"


def _built(lab: LabFolder, kind: str) -> Collection[str]:
    return [release.name for release in RELEASES.values() if (lab.images / name(kind, release)).exists()]


def _tree(lab: LabFolder, release: OsRelease, report: Report) -> Path:
    def build(folder: Path) -> None:
        tree_image.build(release, folder, lab.root / "packages")

    return _build_once(lab, name("tree", release), build, report)


def _disk(lab: LabFolder, release: OsRelease, report: Report) -> Path:
    finished = lab.images / name("disk", release)
    if finished.exists():
        return finished
    tree = _tree(lab, release, report)

    def build(folder: Path) -> None:
        machine = f"{lab.resource_prefix}-image"
        disk_image.build(release, tree / "rootfs", folder, lab.root / "packages", machine)

    return _build_once(lab, finished.name, build, report)


def _build_once(lab: LabFolder, name: str, build: Callable[[Path], None], report: Report) -> Path:
    """Build in a folder that gets its final name when the build has succeeded."""
    finished, building = lab.images / name, lab.images / f"{name}.building"
    with _build_lock(lab):
        if finished.exists():
            return finished
        report(f"image: building {name} (about 2 min, once)")
        remove_trees(*lab.images.glob("*.building"))
        building.mkdir(parents=True)
        (lab.root / "packages").mkdir(exist_ok=True)
        if shutil.disk_usage(building).free < 6 * 1024**3:
            raise LabError(
                f"less than 6 GiB free at {lab.images}; make room or set SKERRY_LAB to another folder"
            )
        build(building)
        building.rename(finished)
        return finished


@contextmanager
def _build_lock(lab: LabFolder) -> Iterator[None]:
    """Exclude other builds. The lab's own lock does not, because several labs may share one images folder."""
    lab.images.mkdir(parents=True, exist_ok=True)
    with (lab.images / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
