"""Checks of one host before the first change: can it run K3s with these settings?"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Literal

from skerry.model.artifacts import ARCHITECTURES
from skerry.model.disk import NETWORK_FILE_SYSTEMS
from skerry.model.k3s.upgrade import skips
from skerry.model.k3s.versions import K3sVersion, accepts_cgroup_v1
from skerry.model.preparation.host_facts import HostFacts
from skerry.model.role import Role
from skerry.model.settings.settings import Settings

Level = Literal["error", "warning"]
Problem = tuple[Level, str, str]
"""Level, what is wrong, and how to correct it."""

# Supported releases of Ubuntu and Debian.
SUPPORTED = {"ubuntu": ("20.04", "22.04", "24.04"), "debian": ("11", "12")}

# Linux 4.19 has everything that the supported K3s versions need. Ubuntu 20.04 has 5.4, Debian 11 has 5.10.
OLDEST_KERNEL = (4, 19)

# Cores and MiB of memory by role: https://docs.k3s.io/installation/requirements. Firmware and kernel take a part of the
# memory, so that a host sold with 2 GB shows less than 2048 MiB. Nine tenths are enough.
MINIMUM = {"server": (2, 2048), "agent": (1, 512)}
MEMORY_TOLERANCE = 0.9

# https://docs.k3s.io/installation/requirements#networking, and K3s's ports on the loopback interface.
PORTS: dict[Role, frozenset[tuple[str, int]]] = {
    "server": frozenset(
        [("tcp", port) for port in (6443, 6444, 10248, 10249, 10250, 10256, 10257, 10258, 10259)]
    ),
    "agent": frozenset([("tcp", port) for port in (6444, 10248, 10249, 10250, 10256)]),
}
ETCD_PORTS = frozenset([("tcp", 2379), ("tcp", 2380), ("tcp", 2381), ("tcp", 2382)])
K3S_UNITS = {"k3s.service", "k3s-agent.service"}
K3S_DEVICES = {"cni0", "flannel.1", "flannel-wg"}


def check_host(
    facts: HostFacts, settings: Settings, role: Role, clock_bounds: tuple[float, float]
) -> Iterator[Problem]:
    """Yield all problems of one host.

    `clock_bounds`: this machine's clock before and after the facts were read, in seconds since 1970.
    """
    yield from _check_system(facts)
    yield from _check_version(facts, settings)
    yield from _check_cgroup(facts, settings)
    yield from _check_size(facts, settings, role)
    yield from _check_clock(facts, settings, clock_bounds)
    yield from _check_ports(facts, settings, role)
    yield from _check_networks(facts, settings)
    yield from _check_firewalls(facts, settings)
    for service in facts.conflicting_services:
        yield "error", f"{service}, which would fight K3s over the host", "remove it, or take a fresh host"
    if facts.reach == "unknown":
        yield (
            "warning",
            "could not test whether the artifact source is reachable",
            "install curl for the test",
        )
    elif facts.reach not in ("", "ok"):
        remedy = 'allow the connection, or set artifact_delivery = "push" and run `invoke artifacts-fetch`'
        yield "error", f"the artifact source cannot be reached: {facts.reach}", remedy


def _check_system(facts: HostFacts) -> Iterator[Problem]:
    if facts.os_version not in SUPPORTED.get(facts.os_id, ()):
        releases = ", ".join(f"{name} {'/'.join(versions)}" for name, versions in SUPPORTED.items())
        yield "error", f"{facts.os_id} {facts.os_version} is not supported", f"install one of: {releases}"
    if facts.arch not in ARCHITECTURES:
        yield "error", f"architecture {facts.arch} is not supported", f"use {' or '.join(ARCHITECTURES)}"
    if facts.init != "systemd":
        yield "error", f"PID 1 is {facts.init}, not systemd", "boot the host with systemd"
    release = tuple(int(part) for part in facts.kernel.split("-")[0].split(".")[:2])
    if release < OLDEST_KERNEL:
        yield "error", f"kernel {facts.kernel} is older than 4.19", "upgrade the kernel and reboot"


def _check_version(facts: HostFacts, settings: Settings) -> Iterator[Problem]:
    if not facts.k3s_version:
        return
    running, target = K3sVersion.parse(facts.k3s_version), K3sVersion.parse(settings.k3s_version)
    if target < running and not settings.k3s_downgrade:
        remedy = f"set k3s_version to {str(running)!r}; `invoke rollback` goes back after an upgrade"
        yield "error", f"the host runs K3s {running}, k3s_version {target} is older", remedy
    if skips(running, target):
        remedy = f"upgrade to a release of {running.next_minor_line} first"
        yield "error", f"the host runs K3s {running}, k3s_version {target} skips a minor", remedy


def _check_cgroup(facts: HostFacts, settings: Settings) -> Iterator[Problem]:
    version = K3sVersion.parse(settings.k3s_version)
    if facts.cgroup_v2 or accepts_cgroup_v1(version):
        return
    problem = f"the host runs cgroup v1, which K3s {version} refuses"
    if facts.in_container:
        yield "error", problem, "boot the machine that runs this container with cgroup v2"
    elif settings.cgroup_v1 == "refuse":
        yield "error", problem, 'set cgroup_v1 = "switch" to allow the change and one reboot'
    elif not facts.grub:
        remedy = "add systemd.unified_cgroup_hierarchy=1 to the kernel command line yourself and reboot"
        yield "error", f"{problem}, and it does not boot with GRUB", remedy
    else:
        yield "warning", problem, "the cgroup phase switches it to v2 and reboots it once"


def _check_size(facts: HostFacts, settings: Settings, role: Role) -> Iterator[Problem]:
    cores, memory_mib = MINIMUM[role]
    if facts.cores < cores:
        yield "error", f"{facts.cores} core(s), a K3s {role} needs {cores}", "take a larger host"
    if facts.memory_kib / 1024 < memory_mib * MEMORY_TOLERANCE:
        problem = f"{facts.memory_kib // 1024} MiB of memory, a K3s {role} needs {memory_mib}"
        yield "error", problem, "take a larger host"
    free = facts.disk_free_bytes / 2**30
    if free < settings.min_disk_free_gib and not facts.k3s_installed:
        problem = (
            f"{free:.1f} GiB free at {facts.disk_path}, min_disk_free_gib is {settings.min_disk_free_gib}"
        )
        yield "error", problem, "free some space, mount a larger disk there, or lower min_disk_free_gib"
    if facts.disk_filesystem in NETWORK_FILE_SYSTEMS:
        problem = f"{facts.disk_path} is on {facts.disk_filesystem}, which is unsuitable for etcd"
        yield "error", problem, "mount a local disk at /var/lib/rancher"


def _check_clock(
    facts: HostFacts, settings: Settings, clock_bounds: tuple[float, float]
) -> Iterator[Problem]:
    before, after = clock_bounds
    # A host that answers slowly may have a correct clock: any time between the bounds is right.
    skew = max(facts.clock - after, 0) or min(facts.clock - before, 0)
    if abs(skew) > settings.max_clock_skew_seconds:
        problem = f"the clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
        yield "error", problem, "set it by hand once (`date -u -s …`), or correct this machine's clock"
    elif not facts.clock_synchronised and not facts.in_container:
        yield "warning", "the clock is not synchronised", f"the clock phase sets up {settings.time_sync}"


def _check_ports(facts: HostFacts, settings: Settings, role: Role) -> Iterator[Problem]:
    needed = PORTS[role]
    if role == "server" and settings.k3s_datastore == "etcd":
        needed |= ETCD_PORTS
    taken = {}
    for listener in facts.listeners:
        if (listener.protocol, listener.port) in needed and listener.unit not in K3S_UNITS:
            taken[listener.port] = listener.process or "the kernel"
    for port, process in sorted(taken.items()):
        yield "error", f"port {port} is taken by {process}", "stop it, or move it to another port"


def _check_networks(facts: HostFacts, settings: Settings) -> Iterator[Problem]:
    for name in ("k3s_cluster_cidr", "k3s_service_cidr"):
        network = ipaddress.ip_network(getattr(settings, name))
        for destination, device in facts.routes:
            if destination == "default" or device in K3S_DEVICES or device.startswith("veth"):
                continue
            route = ipaddress.ip_network(destination.split()[0], strict=False)
            if route.version == network.version and route.overlaps(network):
                via = f"via {device}" if device else "without a device"
                problem = f"{name} {network} overlaps the host's route {destination} {via}"
                yield "error", problem, f"choose another {name}"


def _check_firewalls(facts: HostFacts, settings: Settings) -> Iterator[Problem]:
    waived = {"FW-01", "FW-05"} & set(settings.harden_exceptions)
    if not settings.harden or settings.firewall_takeover or waived:
        return
    remedy = (
        "move its rules to firewall_ssh_from, firewall_api_from and firewall_open, then set firewall_takeover = True "
        "(`invoke unharden` switches it on again), or waive FW-05 in harden_exceptions"
    )
    for firewall in facts.firewalls:
        yield "error", f"{firewall} is active and would drop or flush the cluster's rules", remedy
