"""Programs the lab needs on this machine; missing ones are installed with apt-get."""

from __future__ import annotations

from skerry.lab.command import as_root, run, which
from skerry.lab.host import LabError

PACKAGES = {  # program: the package that brings it, on Debian and Ubuntu
    "debootstrap": "debootstrap",
    "gpg": "gpg",
    "ip": "iproute2",
    "iptables": "iptables",
    "mkfs.ext4": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "setpriv": "util-linux",
    "sfdisk": "fdisk",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
}


def need(*programs: str) -> None:
    """Return when all programs are there, installing what is missing; LabError if that cannot be done."""
    missing = sorted({PACKAGES[program] for program in programs if which(program) is None})
    if missing:
        install(*missing)


def install(*packages: str) -> None:
    """Install packages of this machine's distribution."""
    wanted = " ".join(packages)
    if which("apt-get") is None:
        raise LabError(f"the lab needs {wanted}, and there is no apt-get here; install them yourself")
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"]
    install = as_root([*command, "install", "-y", "--no-install-recommends", *packages])
    if run(install, check=False, timeout=900).returncode:
        run(as_root([*command, "update"]), timeout=300)  # the package lists may be missing or old
        try:
            run(install, timeout=900)
        except LabError as error:
            raise LabError(f"the lab needs {wanted}: {error}") from error
