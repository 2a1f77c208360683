"""Kernel: sysctls and modules that harden a host and that K3s lives with.

K3s's own sysctls are in skerry/phases/kernel.py. Left out with reason: ip_forward = 0 (no pod network), rp_filter = 1
(drops on hosts with several uplinks and under Cilium), accept_ra = 0 (an uplink with SLAAC loses IPv6),
max_user_namespaces = 0 (no user namespaces for pods), blocking overlay, br_netfilter, vxlan, squashfs or sctp.
"""

from __future__ import annotations

from skerry.model.files import File
from skerry.model.hardening.control import Check, Control

SYSCTL_FILE = "/etc/sysctl.d/99-zz-skerry.conf"  # after 99-sysctl.conf: the last word counts
MODULES_FILE = "/etc/modprobe.d/skerry.conf"
LIMITS_FILE = File(
    "/etc/security/limits.d/90-skerry.conf", "# Written by Skerry.\n* hard core 0\nroot hard core 0\n"
)
COREDUMP_FILE = File(
    "/etc/systemd/coredump.conf.d/skerry.conf",
    "# Written by Skerry.\n[Coredump]\nStorage=none\nProcessSizeMax=0\n",
)
FILES = (LIMITS_FILE, COREDUMP_FILE)

_BOTH = ("all", "default")
_REDIRECTS = {
    **{f"net.ipv{version}.conf.{each}.accept_redirects": "0" for version in (4, 6) for each in _BOTH},
    **{
        f"net.ipv4.conf.{each}.{key}": "0" for key in ("secure_redirects", "send_redirects") for each in _BOTH
    },
}
_SOURCE_ROUTES = {
    f"net.ipv{version}.conf.{each}.accept_source_route": "0" for version in (4, 6) for each in _BOTH
}

_TABLE = (
    ("KRN-01", "ICMP redirects are neither believed nor sent", "3.2.1, 3.3.2, 3.3.3", "3.2.1, 3.3.2, 3.3.3",
     "32(1)(b) integrity", "pods are reached by routes that K3s sets, not by redirects", _REDIRECTS),
    ("KRN-02", "Source-routed packets are dropped", "3.3.1", "3.3.1",
     "32(1)(b) integrity", "K3s routes by destination", _SOURCE_ROUTES),
    ("KRN-03", "Packets from unreachable sources are dropped", "3.3.7", "3.3.7",
     "32(1)(b) integrity", "loose (2), because strict drops on hosts with several uplinks (CanvOS#257); "
     "k3s_flannel_backend none with Cilium: waive it, Cilium wants 0",
     {f"net.ipv4.conf.{each}.rp_filter": "2|0" for each in _BOTH}),
    ("KRN-04", "Floods and bogus ICMP are answered as little as can be", "3.3.5, 3.3.6, 3.3.8", "3.3.5, 3.3.6, 3.3.8",
     "32(1)(b) availability and resilience", "pod traffic is neither broadcast nor bogus",
     {"net.ipv4.tcp_syncookies": "1", "net.ipv4.icmp_echo_ignore_broadcasts": "1",
      "net.ipv4.icmp_ignore_bogus_error_responses": "1", "net.ipv4.tcp_rfc1337": "1"}),
    ("KRN-05", "Packets with impossible addresses are logged", "3.3.4", "3.3.4",
     "32(1)(b) integrity", "the kernel limits the rate of these lines",
     {f"net.ipv4.conf.{each}.log_martians": "1" for each in _BOTH}),
    ("KRN-06", "Kernel addresses and logs are for root", "", "",
     "32(1)(b) confidentiality", "the kubelet is root",
     {"kernel.kptr_restrict": "2", "kernel.dmesg_restrict": "1", "kernel.perf_event_paranoid": "3|4"}),
    ("KRN-07", "Address spaces are random and closed to strangers", "1.6.2", "1.5.1",
     "32(1)(b) confidentiality", "a pod may still trace its own children",
     {"kernel.randomize_va_space": "2", "kernel.yama.ptrace_scope": "1|2|3"}),
    ("KRN-08", "BPF is for root, its JIT hardened", "", "",
     "32(1)(b) integrity", "CNI plugins that use BPF run as root",
     {"kernel.unprivileged_bpf_disabled": "1|2", "net.core.bpf_jit_harden": "2"}),
    ("KRN-09", "No kernel is loaded over this one, no magic keys", "", "",
     "32(1)(b) integrity", "K3s uses neither kexec nor SysRq",
     {"kernel.kexec_load_disabled": "1", "kernel.sysrq": "0", "dev.tty.ldisc_autoload": "0"}),
    ("KRN-10", "Links, FIFOs and files of others in shared folders are protected", "", "",
     "32(1)(b) integrity", "containerd makes none in sticky folders of others",
     {"fs.protected_hardlinks": "1", "fs.protected_symlinks": "1", "fs.protected_fifos": "2|1",
      "fs.protected_regular": "2|1"}),
)  # fmt: skip

NEWER = {
    "dev.tty.ldisc_autoload", "fs.protected_fifos", "fs.protected_regular", "kernel.kexec_load_disabled",
    "kernel.perf_event_paranoid", "kernel.unprivileged_bpf_disabled", "kernel.yama.ptrace_scope",
    "net.core.bpf_jit_harden",
}  # fmt: skip

# Each is an attack surface that no host of ours uses: file systems of foreign disks, rare network protocols.
BLOCKED = (
    "cramfs",
    "dccp",
    "firewire-core",
    "freevxfs",
    "hfs",
    "hfsplus",
    "jffs2",
    "rds",
    "tipc",
    "udf",
    "usb-storage",
)


def controls() -> list[Control]:
    """The controls of the kernel."""
    tabled = [
        Control(id, title, "CIS, dev-sec, Lynis", ubuntu, debian, gdpr_article, k3s_compatibility,  # type: ignore[arg-type]
                tuple(Check("sysctl", key, wanted) for key, wanted in values.items()))
        for id, title, ubuntu, debian, gdpr_article, k3s_compatibility, values in _TABLE
    ]  # fmt: skip
    return [
        *tabled,
        Control("KRN-11", "Needless kernel modules cannot be loaded", "CIS, dev-sec", "1.1.1, 1.1.24, 3.4",
                "1.1.1, 1.1.10, 3.1", "32(1)(b) integrity",
                "overlay, br_netfilter, vxlan, squashfs and sctp stay loadable",
                tuple(Check("module", name, "blocked") for name in BLOCKED)),
        Control("KRN-12", "Processes leave no core dumps", "CIS, dev-sec", "1.6.4", "1.5.4",
                "32(1)(b) confidentiality", "K3s's unit sets its own limit for what runs below it",
                (Check("sysctl", "fs.suid_dumpable", "0"), *(Check("file", each.path, each.state) for each in FILES))),
    ]  # fmt: skip


def sysctls(active: list[Control]) -> dict[str, str]:
    """The values to set, by key."""
    return {check.key: check.wanted.split("|")[0] for control in active for check in control.checks
            if check.kind == "sysctl"}  # fmt: skip


def files(active: list[Control]) -> list[File]:
    """The files that set sysctls and block modules at every boot."""
    return [sysctl_file(active), modules_file(active)]


def sysctl_file(active: list[Control]) -> File:
    """The file that sets them at boot; "-" lets a kernel that lacks one of the newer keys pass."""
    lines = [f"{'-' if key in NEWER else ''}{key} = {value}" for key, value in sysctls(active).items()]
    return File(SYSCTL_FILE, "\n".join(["# Written by Skerry.", *lines, ""]))


def modules_file(active: list[Control]) -> File:
    """The file that blocks modules: neither by name nor by alias."""
    names = [check.key for control in active for check in control.checks if check.kind == "module"]
    lines = [f"install {name} /bin/true\nblacklist {name}" for name in names]
    return File(MODULES_FILE, "\n".join(["# Written by Skerry.", *lines, ""]))
