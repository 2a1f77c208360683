"""Kernel modules and sysctls that K3s needs."""

from __future__ import annotations

from skerry.model.files import File

# overlay: containerd's snapshots; br_netfilter: kube-proxy sees bridged packets; vxlan: flannel's default
# backend; nf_conntrack: kube-proxy sizes its table at start.
MODULES = ("br_netfilter", "nf_conntrack", "overlay", "vxlan")

# K3s sets forwarding only when it starts. Anything that reloads sysctls later would undo this
# (k3s-io/k3s#4322, #7671), so a file in sysctl.d sets it.
NETWORK = {
    "net.bridge.bridge-nf-call-iptables": "1",
    "net.ipv4.ip_forward": "1",
    # Two kubelets' worth of watchers exhaust the defaults of 128 instances and 8192 watches.
    "fs.inotify.max_user_instances": "8192",
    "fs.inotify.max_user_watches": "524288",
}

# https://docs.k3s.io/security/hardening-guide: the kubelet requires these if protect-kernel-defaults is set.
KUBELET = {
    "kernel.panic": "10",
    "kernel.panic_on_oops": "1",
    "vm.overcommit_memory": "1",
    "vm.panic_on_oom": "0",
}
SYSCTLS = NETWORK | KUBELET


def sysctl_file(path: str, values: dict[str, str]) -> File:
    """Returns a sysctl.d file that sets `values`."""
    lines = [f"{key} = {value}" for key, value in values.items()]
    return File(path, "\n".join(["# Written by Skerry.", *lines, ""]))


FILES = (
    File("/etc/modules-load.d/k3s.conf", "\n".join(["# Written by Skerry.", *MODULES, ""])),
    sysctl_file("/etc/sysctl.d/90-k3s.conf", NETWORK),
    sysctl_file("/etc/sysctl.d/90-kubelet.conf", KUBELET),
)
