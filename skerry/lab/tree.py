"""The directory tree of a release, as debootstrap makes it and `guest/tree.sh` finishes it."""

from __future__ import annotations

from pathlib import Path

from skerry.lab import archive, recipe, tools
from skerry.lab.command import alone, run
from skerry.lab.host import LabError
from skerry.lab.release import Release


def build(release: Release, folder: Path, packages: Path) -> None:
    """Make `rootfs` in the folder; `packages` keeps downloads for the next build."""
    tools.need("debootstrap", "setpriv", "unshare")
    mirror = archive.mirror(release)
    root = folder / "rootfs"
    bootstrap = [
        "debootstrap", "--variant=minbase", "--arch=amd64", f"--components={release.components}",
        f"--include={','.join(recipe.PACKAGES)}", f"--cache-dir={packages}",
        f"--keyring={archive.keyring(release, folder)}", release.name, str(root), mirror,
    ]  # fmt: skip
    try:
        run(alone(bootstrap), timeout=1800)
    except LabError as error:
        log = run(["tail", "-n", "3", str(root / "debootstrap/debootstrap.log")], check=False).stdout
        raise LabError(f"{release.title} could not be built from {mirror}: {error} {log.strip()}") from error
    inside(root, "tree.sh", SOURCES=archive.sources(release, mirror), packages=packages)


def inside(root: Path, script: str, packages: Path, **environment: str) -> None:
    """Run a script of `guest/` as root inside the tree, with the network of this machine."""
    outer = (
        'cp /etc/resolv.conf "$1/etc/resolv.conf"; '
        'mount -t proc proc "$1/proc" && mount --bind "$2" "$1/var/cache/apt/archives" && '
        'exec chroot "$1" /bin/sh -c "$3"'
    )
    text = (recipe.GUEST / script).read_text()
    settings = ["env", *(f"{key}={value}" for key, value in environment.items())]
    run(alone([*settings, "sh", "-c", outer, "sh", str(root), str(packages), text]), timeout=1800)
