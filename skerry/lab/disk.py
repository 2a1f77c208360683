"""The bootable disk of a release: its tree, a kernel, GRUB in the boot sector, a swap file."""

from __future__ import annotations

import os
from pathlib import Path

from skerry.lab import recipe, tools, tree
from skerry.lab.command import alone, as_root, last_line, run
from skerry.lab.emulator import accelerator
from skerry.lab.host import LabError
from skerry.lab.release import Release

_START_MIB = 1  # where the only partition starts: GRUB lives before it
_SEALED = "lab-disk-sealed"


def build(release: Release, base: Path, folder: Path, packages: Path, machine: str) -> None:
    """Make `disk.raw` in the folder from the tree `base`; `machine` marks the emulator that finishes it."""
    tools.need("mkfs.ext4", "qemu-system-x86_64", "sfdisk")
    root, image = folder / "rootfs", folder / "disk.raw"
    run(as_root(["cp", "-a", "--reflink=auto", str(base), str(root)]), timeout=300)
    for source, target, mode in (
        ("seal.sh", "seal", "755"),
        ("seed.sh", "usr/local/sbin/lab-seed", "755"),
        ("lab-seed.service", "etc/systemd/system/lab-seed.service", "644"),
    ):
        run(as_root(["install", "-m", mode, str(recipe.GUEST / source), str(root / target)]))
    tree.inside(root, "disk.sh", packages, KERNEL=release.kernel)
    _write(root, image)
    kernel, initrd = _take_kernel(root, folder)
    _seal(image, kernel, initrd, machine, folder)
    run(as_root(["rm", "-rf", "--one-file-system", str(root), str(kernel), str(initrd)]), timeout=300)


def _write(root: Path, image: Path) -> None:
    """Partition table and file system, without mounting anything."""
    size = recipe.DISK_GIB * 1024
    with image.open("wb") as file:
        file.truncate(size * 1024**2)
    run(["sfdisk", "--quiet", str(image)], stdin=f"label: dos\nstart={_START_MIB}MiB, type=83, bootable\n")
    make = [
        "mkfs.ext4", "-q", "-F", "-L", "lab-root", "-d", str(root),
        "-E", f"offset={_START_MIB * 1024**2}", str(image), f"{size - _START_MIB}M",
    ]  # fmt: skip
    run(alone(make), timeout=600)


def _take_kernel(root: Path, folder: Path) -> tuple[Path, Path]:
    """Copies of the kernel and the initrd that this user can read, for the one boot before GRUB is there."""
    taken = folder / "vmlinuz", folder / "initrd"
    for pattern, target in zip(("boot/vmlinuz-*", "boot/initrd.img-*"), taken, strict=True):
        found = sorted(root.glob(pattern))
        if not found:
            raise LabError(f"no {pattern} in the image; its kernel package brought none")
        owner = ["-o", str(os.getuid()), "-m", "600"]
        run(as_root(["install", *owner, str(found[-1]), str(target)]))
    return taken


def _seal(image: Path, kernel: Path, initrd: Path, machine: str, folder: Path) -> None:
    """Boot once with seal.sh as process 1; LabError with the console's last line if it does not succeed."""
    console = folder / "console.log"
    options = "console=ttyS0 no_timer_check panic=-1"
    arguments = f"root=LABEL=lab-root ro {options} init=/seal SWAP_MIB={recipe.SWAP_MIB}"
    emulator = [
        "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-name", machine, *accelerator(),
        "-m", "1024", "-smp", "2", "-no-reboot", "-display", "none", "-nodefaults",
        "-kernel", str(kernel), "-initrd", str(initrd), "-append", arguments,
        "-drive", f"file={image},format=raw,if=virtio,cache=unsafe", "-serial", f"file:{console}",
    ]  # fmt: skip
    run(emulator, timeout=600)
    text = console.read_text(errors="replace")
    if _SEALED not in text:
        raise LabError(f"the new disk could not install its boot loader: {last_line(text)}; see {console}")
