"""Programs the lab needs on this machine; missing ones are installed with apt-get."""

from __future__ import annotations

from skerry.lab.command import as_root, run, which
from skerry.lab.host import LabError

# The package of each program on Debian and Ubuntu.
PACKAGES = {
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


def require(*programs: str) -> None:
    """Install those of the programs that are missing. Raises LabError if that fails."""
    missing = sorted({PACKAGES[program] for program in programs if which(program) is None})
    if missing:
        install(*missing)


def install(*packages: str) -> None:
    """Install packages of this machine's distribution. Raises LabError if that fails."""
    names = " ".join(packages)
    if which("apt-get") is None:
        raise LabError(f"the lab needs {names}, and there is no apt-get here; install them yourself")
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"]
    command = as_root([*apt, "install", "-y", "--no-install-recommends", *packages])
    if run(command, check=False, timeout=900).returncode:
        run(as_root([*apt, "update"]), timeout=300)  # the package lists may be missing or old
        try:
            run(command, timeout=900)
        except LabError as error:
            raise LabError(f"the lab needs {names}: {error}") from error
