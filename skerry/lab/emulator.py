"""How qemu runs here: by the processor where it can, by emulation where it cannot."""

from __future__ import annotations

import os
from pathlib import Path

# Features that cost emulated hosts half their boot: byte-wise `rep stosb` for every page, page-table extras.
_SLOW = "erms=off,fsrm=off,la57=off,smap=off,smep=off,pku=off"


def accelerated(cpuinfo: str, kvm_usable: bool) -> bool:
    """Whether KVM works. /dev/kvm can be there without it: the processor's flags decide."""
    flags = next((line.split() for line in cpuinfo.splitlines() if line.startswith("flags")), [])
    return kvm_usable and ("vmx" in flags or "svm" in flags)


def has_kvm() -> bool:
    """Whether hosts run at the processor's speed on this machine, for this user."""
    usable = os.access("/dev/kvm", os.R_OK | os.W_OK)
    return accelerated(Path("/proc/cpuinfo").read_text(), usable)


def accelerator() -> list[str]:
    """qemu's arguments for it."""
    if has_kvm():
        return ["-accel", "kvm", "-cpu", "max"]
    return ["-accel", "tcg,thread=multi", "-cpu", f"max,{_SLOW}"]
