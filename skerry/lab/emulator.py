"""What qemu needs of this machine: hardware virtualization if there is any, and free ports."""

from __future__ import annotations

import os
import socket
from pathlib import Path

# CPU features that double the boot time of emulated hosts: byte-wise `rep stosb` for every page, page-table extras.
_SLOW_FEATURES = "erms=off,fsrm=off,la57=off,smap=off,smep=off,pku=off"


def kvm_works(cpuinfo: str, device_usable: bool) -> bool:
    """Whether KVM works. The CPU's flags decide: /dev/kvm can exist where the CPU has neither vmx nor svm."""
    flags = next((line.split() for line in cpuinfo.splitlines() if line.startswith("flags")), [])
    return device_usable and ("vmx" in flags or "svm" in flags)


def has_kvm() -> bool:
    """Whether this user can run hosts with KVM on this machine."""
    usable = os.access("/dev/kvm", os.R_OK | os.W_OK)
    return kvm_works(Path("/proc/cpuinfo").read_text(), usable)


def accelerator_arguments() -> list[str]:
    """qemu's arguments for KVM, or for emulation without it."""
    if has_kvm():
        return ["-accel", "kvm", "-cpu", "max"]
    return ["-accel", "tcg,thread=multi", "-cpu", f"max,{_SLOW_FEATURES}"]


def free_ports(count: int) -> list[int]:
    """Returns `count` ports of 127.0.0.1 on which no program listens."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in sockets]
    finally:
        for probe in sockets:
            probe.close()


def is_free(port: int) -> bool:
    """Whether no program listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0
