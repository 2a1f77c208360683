"""Kernel: hardening sysctls and blocked modules that are compatible with K3s.

K3s's own sysctls are in skerry/model/preparation/kernel.py. Not used: ip_forward = 0 (breaks the pod network),
rp_filter = 1 (drops packets on hosts with several uplinks and with Cilium), accept_ra = 0 (an uplink with SLAAC loses
IPv6), max_user_namespaces = 0 (pods lose user namespaces), and blocking overlay, br_netfilter, vxlan, squashfs or sctp.
"""

from __future__ import annotations

from skerry.model.files import File
from skerry.model.hardening.control import Check, Control

# After 99-sysctl.conf, because the last value counts.
SYSCTL_FILE = "/etc/sysctl.d/99-zz-skerry.conf"
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
    **{f"net.ipv{version}.conf.{name}.accept_redirects": "0" for version in (4, 6) for name in _BOTH},
    **{
        f"net.ipv4.conf.{name}.{key}": "0" for key in ("secure_redirects", "send_redirects") for name in _BOTH
    },
}
_SOURCE_ROUTES = {
    f"net.ipv{version}.conf.{name}.accept_source_route": "0" for version in (4, 6) for name in _BOTH
}

_TABLE = (
    ("KRN-01", "ICMP redirects are neither accepted nor sent", "3.2.1, 3.3.2, 3.3.3", "3.2.1, 3.3.2, 3.3.3",
     "32(1)(b) integrity", "pods are reached by routes that K3s sets, not by redirects", _REDIRECTS),
    ("KRN-02", "Source-routed packets are dropped", "3.3.1", "3.3.1",
     "32(1)(b) integrity", "K3s routes by destination", _SOURCE_ROUTES),
    ("KRN-03", "Packets from unreachable sources are dropped", "3.3.7", "3.3.7",
     "32(1)(b) integrity", "loose mode (2), because strict mode drops packets on hosts with several "
     "uplinks (CanvOS#257); waive it for Cilium, which needs 0",
     {f"net.ipv4.conf.{name}.rp_filter": "2|0" for name in _BOTH}),
    ("KRN-04", "The host withstands SYN floods and ignores bogus ICMP", "3.3.5, 3.3.6, 3.3.8", "3.3.5, 3.3.6, 3.3.8",
     "32(1)(b) availability and resilience", "pod traffic is neither broadcast nor bogus",
     {"net.ipv4.tcp_syncookies": "1", "net.ipv4.icmp_echo_ignore_broadcasts": "1",
      "net.ipv4.icmp_ignore_bogus_error_responses": "1", "net.ipv4.tcp_rfc1337": "1"}),
    ("KRN-05", "Packets with impossible addresses are logged", "3.3.4", "3.3.4",
     "32(1)(b) integrity", "the kernel limits the rate of these lines",
     {f"net.ipv4.conf.{name}.log_martians": "1" for name in _BOTH}),
    ("KRN-06", "Only root can read kernel addresses and logs", "", "",
     "32(1)(b) confidentiality", "the kubelet runs as root",
     {"kernel.kptr_restrict": "2", "kernel.dmesg_restrict": "1", "kernel.perf_event_paranoid": "3|4"}),
    ("KRN-07", "Address spaces are random and closed to other processes", "1.6.2", "1.5.1",
     "32(1)(b) confidentiality", "a pod may still trace its own children",
     {"kernel.randomize_va_space": "2", "kernel.yama.ptrace_scope": "1|2|3"}),
    ("KRN-08", "Only root can load BPF programs, and their JIT is hardened", "", "",
     "32(1)(b) integrity", "CNI plugins that use BPF run as root",
     {"kernel.unprivileged_bpf_disabled": "1|2", "net.core.bpf_jit_harden": "2"}),
    ("KRN-09", "kexec, SysRq and automatic line disciplines are disabled", "", "",
     "32(1)(b) integrity", "K3s uses neither kexec nor SysRq",
     {"kernel.kexec_load_disabled": "1", "kernel.sysrq": "0", "dev.tty.ldisc_autoload": "0"}),
    ("KRN-10", "Links, FIFOs and files in shared folders are protected", "", "",
     "32(1)(b) integrity", "containerd creates none in other users' sticky folders",
     {"fs.protected_hardlinks": "1", "fs.protected_symlinks": "1", "fs.protected_fifos": "2|1",
      "fs.protected_regular": "2|1"}),
)  # fmt: skip

# Keys that older kernels lack.
NEWER = {
    "dev.tty.ldisc_autoload", "fs.protected_fifos", "fs.protected_regular", "kernel.kexec_load_disabled",
    "kernel.perf_event_paranoid", "kernel.unprivileged_bpf_disabled", "kernel.yama.ptrace_scope",
    "net.core.bpf_jit_harden",
}  # fmt: skip

# Attack surface that no K3s node uses: file systems of foreign disks, and rare network protocols.
BLOCKED = (
    "cramfs", "dccp", "firewire-core", "freevxfs", "hfs", "hfsplus", "jffs2",
    "rds", "tipc", "udf", "usb-storage",
)  # fmt: skip


def controls() -> list[Control]:
    """Returns the kernel's controls."""
    tabled = [
        Control(id, title, "CIS, dev-sec, Lynis", ubuntu, debian, gdpr_article, k3s_compatibility,  # type: ignore[arg-type]
                tuple(Check("sysctl", key, expected) for key, expected in values.items()))
        for id, title, ubuntu, debian, gdpr_article, k3s_compatibility, values in _TABLE
    ]  # fmt: skip
    return [
        *tabled,
        Control("KRN-11", "Unneeded kernel modules cannot be loaded", "CIS, dev-sec", "1.1.1, 1.1.24, 3.4",
                "1.1.1, 1.1.10, 3.1", "32(1)(b) integrity",
                "overlay, br_netfilter, vxlan, squashfs and sctp stay loadable",
                tuple(Check("module", name, "blocked") for name in BLOCKED)),
        Control("KRN-12", "Processes write no core dumps", "CIS, dev-sec", "1.6.4", "1.5.4",
                "32(1)(b) confidentiality", "K3s's unit sets its own limit for its child processes",
                (Check("sysctl", "fs.suid_dumpable", "0"), *(Check("file", file.path, file.state) for file in FILES))),
    ]  # fmt: skip


def sysctls(active: list[Control]) -> dict[str, str]:
    """Returns the values to set, by key."""
    return {check.key: check.expected.split("|")[0] for control in active for check in control.checks
            if check.kind == "sysctl"}  # fmt: skip


def files(active: list[Control]) -> list[File]:
    """Returns the files that set sysctls and block modules at boot."""
    return [sysctl_file(active), modules_file(active)]


def sysctl_file(active: list[Control]) -> File:
    """Returns the file that sets sysctls at boot. "-" before a key ignores errors of kernels that lack it."""
    lines = [f"{'-' if key in NEWER else ''}{key} = {value}" for key, value in sysctls(active).items()]
    return File(SYSCTL_FILE, "\n".join(["# Written by Skerry.", *lines, ""]))


def modules_file(active: list[Control]) -> File:
    """Returns the file that blocks modules, both by name and by alias."""
    names = [check.key for control in active for check in control.checks if check.kind == "module"]
    lines = [f"install {name} /bin/true\nblacklist {name}" for name in names]
    return File(MODULES_FILE, "\n".join(["# Written by Skerry.", *lines, ""]))
