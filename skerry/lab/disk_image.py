"""Build the bootable disk of a release: its tree, a kernel, GRUB in the boot sector, a swap file."""

from __future__ import annotations

import os
from pathlib import Path

from skerry.lab import recipe, tree_image
from skerry.lab.command import as_root, copy_trees, in_private_namespaces, last_line, remove_trees, run
from skerry.lab.emulator import accelerator_arguments
from skerry.lab.host import LabError
from skerry.lab.os_release import OsRelease
from skerry.lab.programs import require

_START_MIB = 1  # where the only partition starts; GRUB is installed before it
_SEALED = "lab-disk-sealed"  # the last line of seal.sh


def build(release: OsRelease, tree: Path, folder: Path, packages: Path, machine: str) -> None:
    """Build `disk.raw` in the folder from the tree. `machine` is the machine name of the qemu that seals it."""
    require("mkfs.ext4", "qemu-system-x86_64", "sfdisk")
    root, image = folder / "rootfs", folder / "disk.raw"
    copy_trees(tree, target=root)
    for source, target, mode in (
        ("seal.sh", "seal", "755"),
        ("seed.sh", "usr/local/sbin/lab-seed", "755"),
        ("lab-seed.service", "etc/systemd/system/lab-seed.service", "644"),
    ):
        run(as_root(["install", "-m", mode, str(recipe.GUEST / source), str(root / target)]))
    tree_image.run_inside(root, "disk.sh", packages, KERNEL=release.kernel)
    _write(root, image)
    kernel, initrd = _copy_kernel(root, folder)
    _seal(image, kernel, initrd, machine, folder)
    remove_trees(root, kernel, initrd)


def _write(root: Path, image: Path) -> None:
    """Write partition table and file system without mounting anything."""
    size_mib = recipe.DISK_GIB * 1024
    with image.open("wb") as file:
        file.truncate(size_mib * 1024**2)
    run(["sfdisk", "--quiet", str(image)], stdin=f"label: dos\nstart={_START_MIB}MiB, type=83, bootable\n")
    make_file_system = [
        "mkfs.ext4", "-q", "-F", "-L", "lab-root", "-d", str(root),
        "-E", f"offset={_START_MIB * 1024**2}", str(image), f"{size_mib - _START_MIB}M",
    ]  # fmt: skip
    run(in_private_namespaces(make_file_system), timeout=600)


def _copy_kernel(root: Path, folder: Path) -> tuple[Path, Path]:
    """Copy kernel and initrd so that this user can read them, for the one boot before GRUB is installed."""
    copies = folder / "vmlinuz", folder / "initrd"
    for pattern, target in zip(("boot/vmlinuz-*", "boot/initrd.img-*"), copies, strict=True):
        paths = sorted(root.glob(pattern))
        if not paths:
            raise LabError(f"no {pattern} in the image: its kernel package contains none")
        run(as_root(["install", "-o", str(os.getuid()), "-m", "600", str(paths[-1]), str(target)]))
    return copies


def _seal(image: Path, kernel: Path, initrd: Path, machine: str, folder: Path) -> None:
    """Boot once with seal.sh, which installs GRUB, as process 1. Raises LabError with the console's last line."""
    console = folder / "console.log"
    options = "console=ttyS0 no_timer_check panic=-1"
    kernel_arguments = f"root=LABEL=lab-root ro {options} init=/seal SWAP_MIB={recipe.SWAP_MIB}"
    qemu = [
        "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-name", machine, *accelerator_arguments(),
        "-m", "1024", "-smp", "2", "-no-reboot", "-display", "none", "-nodefaults",
        "-kernel", str(kernel), "-initrd", str(initrd), "-append", kernel_arguments,
        "-drive", f"file={image},format=raw,if=virtio,cache=unsafe", "-serial", f"file:{console}",
    ]  # fmt: skip
    run(qemu, timeout=600)
    output = console.read_text(errors="replace")
    if _SEALED not in output:
        raise LabError(f"the new disk could not install its boot loader: {last_line(output)}; see {console}")
