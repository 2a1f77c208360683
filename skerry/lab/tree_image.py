"""Build the directory tree of a release with debootstrap and `guest/tree.sh`."""

from __future__ import annotations

from pathlib import Path

from skerry.lab import package_archive, recipe
from skerry.lab.command import in_private_namespaces, run
from skerry.lab.host import LabError
from skerry.lab.os_release import OsRelease
from skerry.lab.programs import require


def build(release: OsRelease, folder: Path, packages: Path) -> None:
    """Build the tree as `rootfs` in the folder. `packages` keeps downloads for the next build."""
    require("debootstrap", "setpriv", "unshare")
    mirror = package_archive.mirror(release)
    root = folder / "rootfs"
    debootstrap = [
        "debootstrap", "--variant=minbase", "--arch=amd64", f"--components={release.components}",
        f"--include={','.join(recipe.PACKAGES)}", f"--cache-dir={packages}",
        f"--keyring={package_archive.keyring(release, folder)}", release.name, str(root), mirror,
    ]  # fmt: skip
    try:
        run(in_private_namespaces(debootstrap), timeout=1800)
    except LabError as error:
        log = run(["tail", "-n", "3", str(root / "debootstrap/debootstrap.log")], check=False).stdout
        raise LabError(f"{release.title} could not be built from {mirror}: {error} {log.strip()}") from error
    run_inside(root, "tree.sh", packages, SOURCES=package_archive.sources(release, mirror))


def run_inside(root: Path, script: str, packages: Path, **environment: str) -> None:
    """Run a script of `guest/` as root inside the tree, with this machine's network."""
    outer_script = (
        'cp /etc/resolv.conf "$1/etc/resolv.conf"; '
        'mount -t proc proc "$1/proc" && mount --bind "$2" "$1/var/cache/apt/archives" && '
        'exec chroot "$1" /bin/sh -c "$3"'
    )
    text = (recipe.GUEST / script).read_text()
    settings = ["env", *(f"{key}={value}" for key, value in environment.items())]
    command = [*settings, "sh", "-c", outer_script, "sh", str(root), str(packages), text]
    run(in_private_namespaces(command), timeout=1800)
