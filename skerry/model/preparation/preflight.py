"""What must hold before a host is changed: a host_facts against the settings, as findings with remedies."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from skerry.model.disk import NETWORK_FILE_SYSTEMS
from skerry.model.k3s.upgrade import skips
from skerry.model.k3s.versions import K3sVersion, accepts_cgroup_v1
from skerry.model.preparation.host_facts import HostFacts
from skerry.model.role import Role
from skerry.model.settings.settings import Settings

# Ubuntu and Debian releases the project is for. What was run on which is in the README.
SUPPORTED = {"ubuntu": ("20.04", "22.04", "24.04"), "debian": ("11", "12")}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

# https://docs.k3s.io/installation/requirements: cores and MiB by role. A "2 GB" host shows less than
# 2048 MiB, because firmware and kernel take their share first: nine tenths count as enough.
MINIMUM = {"server": (2, 2048), "agent": (1, 512)}
MEMORY_TOLERANCE = 0.9

# https://docs.k3s.io/installation/requirements#networking, and K3s's loopback ports.
PORTS: dict[Role, frozenset[tuple[str, int]]] = {
    "server": frozenset(
        [("tcp", port) for port in (6443, 6444, 10248, 10249, 10250, 10256, 10257, 10258, 10259)]
    ),
    "agent": frozenset([("tcp", port) for port in (6444, 10248, 10249, 10250, 10256)]),
}
ETCD_PORTS = frozenset([("tcp", 2379), ("tcp", 2380), ("tcp", 2381), ("tcp", 2382)])
OWN_UNITS = {"k3s.service", "k3s-agent.service"}
OWN_DEVICES = {"cni0", "flannel.1", "flannel-wg"}

# Kernel 4.19 carries all that the supported K3s versions need; Ubuntu 20.04 has 5.4, Debian 11 5.10.
OLDEST_KERNEL = (4, 19)


@dataclass(frozen=True)
class Finding:
    """Something preflight has to say. An error stops the run before any change, a warning does not."""

    host: str
    level: Literal["error", "warning"]
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.host}: {self.level}: {self.problem}; {self.remedy}"


Problem = tuple[Literal["error", "warning"], str, str]


def findings(
    facts_by_host: Mapping[str, HostFacts],
    settings: Mapping[str, Settings],
    roles: Mapping[str, Role],
    during: Mapping[str, tuple[float, float]],
    named: Mapping[str, Sequence[str]] | None = None,
) -> list[Finding]:
    """Everything wrong with the hosts, all at once, errors first.

    `during`: what this machine's clock said before and after each host's host_facts, in seconds since the epoch.
    `named`: the networks by which the firewalls of the others know each host.
    """
    checked = [
        Finding(host, level, problem, remedy)
        for host, host_facts in facts_by_host.items()
        for level, problem, remedy in _check_host(host_facts, settings[host], roles[host], during[host])
    ]
    known = list(_check_named(facts_by_host, settings, named or {}))
    return sorted(
        [*checked, *_check_unique(facts_by_host), *_check_first(facts_by_host, roles), *known],
        key=lambda finding: finding.level,
    )


def _check_first(facts_by_host: Mapping[str, HostFacts], roles: Mapping[str, Role]) -> Iterator[Finding]:
    """The first server starts a cluster: a fresh one must not, where another of the servers holds one already."""
    servers = [host for host, role in roles.items() if role == "server"]
    holding = [host for host in servers if host in facts_by_host and facts_by_host[host].datastore]
    if holding and servers[0] in facts_by_host and servers[0] not in holding:
        problem = f"is first in servers but has no datastore, while {holding[0]} has: it would start another cluster"
        yield Finding(servers[0], "error", problem, f"put {holding[0]} first in the inventory")


def _check_host(
    host_facts: HostFacts, settings: Settings, role: Role, during: tuple[float, float]
) -> Iterator[Problem]:
    yield from _check_system(host_facts)
    yield from _check_version(host_facts, settings)
    yield from _check_cgroup(host_facts, settings)
    yield from _check_size(host_facts, settings, role)
    yield from _check_clock(host_facts, settings, during)
    yield from _check_ports(host_facts, settings, role)
    yield from _check_networks(host_facts, settings)
    yield from _check_firewalls(host_facts, settings)
    for rival in host_facts.rivals:
        yield "error", f"{rival}, which would fight K3s over the host", "remove it, or take a fresh host"
    if host_facts.reach == "unknown":
        yield "warning", "could not test whether the artifact source is reachable", "install curl to know"
    elif host_facts.reach not in ("", "ok"):
        remedy = 'open the way out, or set artifact_delivery = "push" and run invoke artifacts-fetch'
        yield "error", f"the artifact source cannot be reached: {host_facts.reach}", remedy


def _check_system(host_facts: HostFacts) -> Iterator[Problem]:
    if host_facts.os_version not in SUPPORTED.get(host_facts.os_id, ()):
        known = ", ".join(f"{name} {'/'.join(versions)}" for name, versions in SUPPORTED.items())
        yield (
            "error",
            f"{host_facts.os_id} {host_facts.os_version} is not supported",
            f"install one of: {known}",
        )
    if host_facts.arch not in ARCHITECTURES:
        yield "error", f"architecture {host_facts.arch} is not supported", f"use {' or '.join(ARCHITECTURES)}"
    if host_facts.init != "systemd":
        yield "error", f"PID 1 is {host_facts.init}, not systemd", "boot the host with systemd"
    release = tuple(int(part) for part in host_facts.kernel.split("-")[0].split(".")[:2])
    if release < OLDEST_KERNEL:
        yield "error", f"kernel {host_facts.kernel} is older than 4.19", "upgrade the kernel and reboot"


def _check_version(host_facts: HostFacts, settings: Settings) -> Iterator[Problem]:
    if not host_facts.k3s_version:
        return
    running, wanted = K3sVersion.parse(host_facts.k3s_version), K3sVersion.parse(settings.k3s_version)
    if wanted < running and not settings.k3s_downgrade:
        problem = f"K3s {running} runs here, k3s_version {wanted} is older"
        yield (
            "error",
            problem,
            f"set k3s_version to {str(running)!r}; `invoke rollback` goes back after an upgrade",
        )
    if skips(running, wanted):
        problem = f"K3s {running} runs here, k3s_version {wanted} skips a minor"
        yield "error", problem, f"go to v{running.major}.{running.minor + 1} first"


def _check_cgroup(host_facts: HostFacts, settings: Settings) -> Iterator[Problem]:
    version = K3sVersion.parse(settings.k3s_version)
    if host_facts.cgroup_v2 or accepts_cgroup_v1(version):
        return
    problem = f"the host runs cgroup v1, which K3s {version} refuses"
    if host_facts.in_container:
        yield "error", problem, "boot the machine that runs this container with cgroup v2"
    elif settings.cgroup_v1 == "refuse":
        yield "error", problem, 'set cgroup_v1 = "switch" to allow the change and one reboot'
    elif not host_facts.grub:
        remedy = "add systemd.unified_cgroup_hierarchy=1 to the kernel command line yourself and reboot"
        yield "error", f"{problem}, and it does not boot by GRUB", remedy
    else:
        yield "warning", problem, "the cgroup phase switches it to v2 and reboots it once"


def _check_size(host_facts: HostFacts, settings: Settings, role: Role) -> Iterator[Problem]:
    cores, memory_mib = MINIMUM[role]
    if host_facts.cores < cores:
        yield "error", f"{host_facts.cores} core(s), a K3s {role} needs {cores}", "take a larger host"
    if host_facts.memory_kib / 1024 < memory_mib * MEMORY_TOLERANCE:
        have = host_facts.memory_kib // 1024
        yield "error", f"{have} MiB of memory, a K3s {role} needs {memory_mib}", "take a larger host"
    free = host_facts.disk_free_bytes / 2**30
    if free < settings.min_disk_free_gib and not host_facts.k3s_installed:
        problem = f"{free:.1f} GiB free at {host_facts.disk_path}, wanted {settings.min_disk_free_gib}"
        yield "error", problem, "free some, mount a larger disk there, or lower min_disk_free_gib"
    if host_facts.disk_filesystem in NETWORK_FILE_SYSTEMS:
        problem = f"{host_facts.disk_path} is on {host_facts.disk_filesystem}, which etcd must not live on"
        yield "error", problem, "mount a local disk at /var/lib/rancher"


def _check_clock(host_facts: HostFacts, settings: Settings, during: tuple[float, float]) -> Iterator[Problem]:
    before, after = during
    skew = max(host_facts.clock - after, 0) or min(
        host_facts.clock - before, 0
    )  # a slow answer is no wrong clock
    if abs(skew) > settings.max_clock_skew_seconds:
        problem = f"the clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
        yield "error", problem, "set it once by hand (`date -u -s …`), or mend this machine's clock"
    elif not host_facts.clock_synchronised and not host_facts.in_container:
        yield "warning", "the clock is not synchronised", f"the clock phase sets up {settings.time_sync}"


def _check_ports(host_facts: HostFacts, settings: Settings, role: Role) -> Iterator[Problem]:
    wanted = PORTS[role]
    if role == "server" and settings.k3s_datastore == "etcd":
        wanted |= ETCD_PORTS
    taken = {}
    for listener in host_facts.listeners:
        if (listener.protocol, listener.port) in wanted and listener.unit not in OWN_UNITS:
            taken[listener.port] = listener.process or "the kernel"
    for port, process in sorted(taken.items()):
        yield "error", f"port {port} is taken by {process}", "stop it, or move it to another port"


def _check_networks(host_facts: HostFacts, settings: Settings) -> Iterator[Problem]:
    for name in ("k3s_cluster_cidr", "k3s_service_cidr"):
        network = ipaddress.ip_network(getattr(settings, name))
        for destination, device in host_facts.routes:
            if destination == "default" or device in OWN_DEVICES or device.startswith("veth"):
                continue
            route = ipaddress.ip_network(destination.split()[0], strict=False)
            if route.version == network.version and route.overlaps(network):
                problem = f"{name} {network} overlaps the host's route {destination} by {device or 'nowhere'}"
                yield "error", problem, f"choose another {name}"


def _check_firewalls(host_facts: HostFacts, settings: Settings) -> Iterator[Problem]:
    if (
        not settings.harden
        or settings.firewall_takeover
        or {"FW-01", "FW-05"} & set(settings.harden_exceptions)
    ):
        return
    for rival in host_facts.firewalls:
        problem = f"{rival} is active and would drop or flush the cluster's rules"
        remedy = "move its rules to firewall_ssh_from, firewall_api_from and firewall_open, then set firewall_takeover"
        yield (
            "error",
            problem,
            f"{remedy} = True (unharden brings it back), or waive FW-05 in harden_exceptions",
        )


def _check_named(
    facts_by_host: Mapping[str, HostFacts],
    settings: Mapping[str, Settings],
    named: Mapping[str, Sequence[str]],
) -> Iterator[Finding]:
    """A host whose address the others' firewalls do not know is cut off from etcd, flannel and kubelets."""
    for host, host_facts in facts_by_host.items():
        if host not in named or not settings[host].harden:
            continue
        networks = [ipaddress.ip_network(each) for each in (*named[host], *settings[host].firewall_members)]
        own = [ipaddress.ip_interface(each).ip for each in host_facts.addresses]
        if not any(address in network for address in own for network in networks):
            problem = f"its addresses ({', '.join(map(str, own))}) are unknown to the other hosts' firewalls"
            yield Finding(host, "error", problem, "set k3s_node_ip, or firewall_members for all hosts")


def _check_unique(facts_by_host: Mapping[str, HostFacts]) -> Iterator[Finding]:
    """Two nodes of one name, or of one machine-id (a cloned disk), overwrite each other in the cluster."""
    for field, remedy in (
        ("hostname", "give each host its own: hostnamectl set-hostname NAME"),
        ("machine_id", "rm /etc/machine-id && systemd-machine-id-setup, then reboot"),
    ):
        values = {host: str(getattr(host_facts, field)) for host, host_facts in facts_by_host.items()}
        counted = Counter(values.values())
        for host, value in values.items():
            name = field.replace("_", "-")
            if not value:
                yield Finding(host, "error", f"the {name} is empty", remedy)
            elif counted[value] > 1:
                others = ", ".join(other for other in values if other != host and values[other] == value)
                yield Finding(host, "error", f"the {name} {value} is also that of {others}", remedy)
