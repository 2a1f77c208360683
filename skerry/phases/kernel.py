"""Kernel: the modules and sysctls that K3s needs, now and at every boot."""

from __future__ import annotations

import shlex

from pyinfra import host
from pyinfra.api import StringCommand, deploy

from skerry.facts.batch import BatchedFact
from skerry.facts.kernel import Kernel, KernelState
from skerry.model.files import File
from skerry.operations import Commands, operation
from skerry.operations.files import write

# overlay: containerd's snapshots; br_netfilter: kube-proxy sees bridged packets; vxlan: flannel's default
# backend; nf_conntrack: kube-proxy sizes its table at start.
MODULES = ("br_netfilter", "nf_conntrack", "overlay", "vxlan")

# K3s sets forwarding only at its own start: anything that reloads sysctls later would undo it
# (k3s-io/k3s#4322, #7671), so it stands in a file of its own.
NETWORK = {
    "net.bridge.bridge-nf-call-iptables": "1",
    "net.ipv4.ip_forward": "1",
    # Two kubelets' worth of watchers exhaust the defaults of 128 instances and 8192 watches.
    "fs.inotify.max_user_instances": "8192",
    "fs.inotify.max_user_watches": "524288",
}

# https://docs.k3s.io/security/hardening-guide: what protect-kernel-defaults makes the kubelet insist on.
KUBELET = {
    "kernel.panic": "10",
    "kernel.panic_on_oops": "1",
    "vm.overcommit_memory": "1",
    "vm.panic_on_oom": "0",
}
SYSCTLS = NETWORK | KUBELET

MODULES_FILE = File("/etc/modules-load.d/k3s.conf", "\n".join(["# Written by Skerry.", *MODULES, ""]))


def sysctl_file(path: str, values: dict[str, str]) -> File:
    """A sysctl.d file that sets `values`."""
    lines = [f"{key} = {value}" for key, value in values.items()]
    return File(path, "\n".join(["# Written by Skerry.", *lines, ""]))


FILES = (
    MODULES_FILE,
    sysctl_file("/etc/sysctl.d/90-k3s.conf", NETWORK),
    sysctl_file("/etc/sysctl.d/90-kubelet.conf", KUBELET),
)


@deploy("Kernel")
def kernel() -> None:
    """`MODULES` are loaded and `SYSCTLS` set, in the running kernel and in files that outlive it."""
    found = BatchedFact(
        Kernel, modules=list(MODULES), keys=list(SYSCTLS), files=[file.path for file in FILES]
    )
    for file in FILES:
        write(name=f"Write {file.path}", file=file, found=found.at_start)
    _apply(name="Load modules and apply sysctls", found=found)


@operation
def _apply(found: BatchedFact[KernelState]) -> Commands:
    """Modules first: net.bridge.* exists only with br_netfilter. A container has no kernel to change."""
    state = found.at_start()
    wrong = {key: value for key, value in SYSCTLS.items() if state.sysctls.get(key) != value}
    if not state.own_kernel:
        host.noop("the kernel is the machine's")
        return
    if state.missing_modules:
        yield StringCommand(f"PATH=$PATH:/usr/sbin:/sbin modprobe --all {shlex.join(state.missing_modules)}")
    if wrong:
        pairs = shlex.join(f"{key}={value}" for key, value in wrong.items())
        yield StringCommand(f"PATH=$PATH:/usr/sbin:/sbin sysctl --write {pairs}")
