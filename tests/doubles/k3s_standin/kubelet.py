"""A kubelet's calculations from its arguments: allocatable, and the reasons to refuse to start."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

from . import VERSION, quantity
from .kubelet_args import Arguments, KubeletError, threshold
from .switches import switch

CGROUP_V2, SYSCTLS = Path("/sys/fs/cgroup/cgroup.controllers"), Path("/proc/sys")
EVICTS = {"memory.available": "memory", "nodefs.available": "ephemeral-storage"}
# The kernel flags of protect-kernel-defaults.
KERNEL = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}


class Kubelet:
    """The parsed arguments. `check_host` then checks them against the host."""

    def __init__(self, arguments: list[str], data_dir: Path, protect_kernel: bool) -> None:
        self.data_dir = data_dir
        self.arguments = Arguments(arguments)
        self.system = self.arguments.reserved("system-reserved")
        self.kube = self.arguments.reserved("kube-reserved")
        # K3s's default has no memory threshold.
        defaults = {"imagefs.available": "5%", "nodefs.available": "5%"}
        self.eviction = self.arguments.pairs("eviction-hard") or defaults
        for signal, text in self.eviction.items():
            threshold(signal, text, Fraction(1))
        self.max_pods = self.arguments.number("max-pods", "110")
        asked = self.arguments.last("protect-kernel-defaults", str(protect_kernel).lower())
        self.protect_kernel = asked == "true"
        default = str(int(VERSION.split(".")[1]) >= 35).lower()
        self.refuses_cgroup_v1 = self.arguments.last("fail-cgroupv1", default) == "true"
        self.enforced = self.arguments.last("enforce-node-allocatable", "pods").split(",")
        self.labels = self.arguments.labels()

    def check_host(self) -> None:
        """Raise KubeletError where the kubelet would exit."""
        self._check_configuration()
        self._check_kernel()
        capacity = self._capacity()
        errors = [
            f'Resource "{name}" has a reservation of {quantity.size(value)} but capacity of '
            f"{quantity.size(capacity[name])}. Expected capacity >= reservation."
            for name, value in self._reservations(capacity).items()
            if value > capacity[name]
        ]
        if errors:
            text = " ".join(errors)
            raise KubeletError(
                f"Failed to start ContainerManager: invalid Node Allocatable configuration. {text}"
            )

    def resources(self) -> tuple[dict[str, str], dict[str, str]]:
        """Capacity and allocatable in the format of the node's status."""
        capacity = self._capacity()
        reserved = {} if switch("allocatable_wrong") else self._reservations(capacity)
        left = {name: max(Fraction(0), value - reserved.get(name, 0)) for name, value in capacity.items()}
        return self._written(capacity), self._written(left)

    def configz(self) -> dict[str, Any]:
        """The part of the kubelet's running configuration that this stand-in uses."""
        return {
            "systemReserved": self.arguments.pairs("system-reserved"),
            "kubeReserved": self.arguments.pairs("kube-reserved"),
            "evictionHard": self.eviction,
            "maxPods": self.max_pods,
            "enforceNodeAllocatable": self.enforced,
            "protectKernelDefaults": self.protect_kernel,
            "failCgroupV1": self.refuses_cgroup_v1,
        }

    def _capacity(self) -> dict[str, Fraction]:
        meminfo = Path("/proc/meminfo").read_text(encoding="ascii")
        disk = os.statvfs(self.data_dir)
        return {
            "cpu": Fraction(os.cpu_count() or 1),
            "memory": Fraction(int(meminfo.split("MemTotal:")[1].split()[0]) * 1024),
            "ephemeral-storage": Fraction(disk.f_blocks * disk.f_frsize),
        }

    def _reservations(self, capacity: dict[str, Fraction]) -> dict[str, Fraction]:
        total = {name: self.system.get(name, Fraction(0)) + self.kube.get(name, 0) for name in capacity}
        for signal, resource in EVICTS.items():
            if signal in self.eviction:
                total[resource] += threshold(signal, self.eviction[signal], capacity[resource])
        return total

    def _written(self, resources: dict[str, Fraction]) -> dict[str, str]:
        texts = {name: quantity.size(value) for name, value in resources.items()}
        return {**texts, "cpu": quantity.cores(resources["cpu"]), "pods": str(self.max_pods)}

    def _check_configuration(self) -> None:
        invalid = "failed to validate kubelet configuration, error: "
        v1 = not CGROUP_V2.exists()
        if v1 and self.refuses_cgroup_v1 and not switch("skip_cgroup"):
            raise KubeletError(
                f"{invalid}kubelet is configured to not run on a host using cgroup v1. cgroup v1 support is "
                "unsupported and will be removed in a future release"
            )
        for part in ("system", "kube"):
            if f"{part}-reserved" in self.enforced and not self.arguments.last(f"{part}-reserved-cgroup", ""):
                raise KubeletError(
                    f"{invalid}invalid configuration: {part}ReservedCgroup (--{part}-reserved-cgroup) must "
                    f'be specified when "{part}-reserved" contained in enforceNodeAllocatable '
                    "(--enforce-node-allocatable)"
                )
        drop_ins = sorted((self.data_dir / "agent/etc/kubelet.conf.d").glob("*.conf"))
        if drop_ins:
            raise KubeletError(f"the stand-in does not read kubelet drop-ins: {drop_ins[0]}")

    def _check_kernel(self) -> None:
        if not self.protect_kernel or switch("skip_kernel"):
            return
        errors = []
        for flag, expected in KERNEL.items():
            actual = int((SYSCTLS / flag).read_text(encoding="ascii"))
            if actual != expected:
                errors.append(
                    f"invalid kernel flag: {flag}, expected value: {expected}, actual value: {actual}"
                )
        if errors:
            text = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
            raise KubeletError(f"Failed to start ContainerManager: {text}")
