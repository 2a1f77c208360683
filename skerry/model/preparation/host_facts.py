"""The facts that preflight reads from a host, parsed from the output of skerry/facts/preflight.sh."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from skerry.model.disk import DiskRecord
from skerry.model.fact_output import sections


@dataclass(frozen=True)
class Listener:
    """A listening socket, its process ("" for the kernel) and the process's systemd unit."""

    protocol: str
    address: str
    port: int
    process: str
    unit: str


@dataclass(frozen=True)
class HostFacts:
    """The facts of one host. `clock`: seconds since 1970.

    `arch`: by `uname --machine`. `cgroup`: its file system. `routes`: (destination, device). `conflicting_services`:
    sentences about other Kubernetes and container software. `firewalls`: active firewalls. `datastore`: "etcd" or
    "sqlite" if a server has run here, else "". `server_state`: systemd's state of the server's unit. `reach`: "ok",
    "unknown", or why the artifact source cannot be reached; "" if not tested. `k3s_version`: of the running or, if K3s
    is down, the installed K3s; "" for none.
    """

    hostname: str
    machine_id: str
    os_id: str
    os_version: str
    arch: str
    kernel: str
    init: str
    virtualisation: str
    cgroup: str
    cores: int
    memory_kib: int
    disk_path: str
    disk_filesystem: str
    disk_free_bytes: int
    clock: float
    clock_synchronised: bool
    listeners: tuple[Listener, ...]
    routes: tuple[tuple[str, str], ...]
    conflicting_services: tuple[str, ...]
    firewalls: tuple[str, ...]
    addresses: tuple[str, ...]
    k3s_installed: bool
    datastore: str
    server_state: str
    grub: bool
    reach: str
    k3s_version: str = ""
    disk_fsid: str = ""
    disk_record: DiskRecord | None = None

    @property
    def in_container(self) -> bool:
        """True for containers, whose modules, sysctls, swap and time belong to the machine that runs them."""
        return self.virtualisation in CONTAINERS

    @property
    def cgroup_v2(self) -> bool:
        """True for the unified hierarchy. The hybrid mode of stock Ubuntu 20.04 counts as v1."""
        return self.cgroup == "cgroup2fs"


CONTAINERS = {"systemd-nspawn", "lxc", "lxc-libvirt", "docker", "podman", "openvz", "container-other"}


def parse(lines: Iterable[str]) -> HostFacts:
    """Returns the facts of one host. Raises KeyError or ValueError if the output is incomplete."""
    raw = sections(lines)

    def first(name: str) -> str:
        values = raw[name]
        return values[0].strip() if values else ""

    release = dict(line.split("=", 1) for line in raw["os"] if "=" in line)
    disk_path, disk_filesystem, free_kib = first("disk").split()
    return HostFacts(
        hostname=first("hostname"),
        machine_id=first("machine_id"),
        os_id=release.get("ID", "").strip('"'),
        os_version=release.get("VERSION_ID", "").strip('"'),
        arch=first("arch"),
        kernel=first("kernel"),
        init=first("init"),
        virtualisation=first("virtualisation"),
        cgroup=first("cgroup"),
        cores=int(first("cores")),
        memory_kib=int(first("memory_kib")),
        disk_path=disk_path,
        disk_filesystem=disk_filesystem,
        disk_free_bytes=int(free_kib) * 1024,
        clock=float(first("clock")),
        clock_synchronised=first("clock_synchronised") == "yes",
        listeners=tuple(_listener(line) for line in raw["listeners"]),
        routes=tuple(_route(line) for line in raw["routes"]),
        conflicting_services=tuple(raw["rivals"]),
        firewalls=tuple(raw["firewalls"]),
        addresses=tuple(raw["addresses"]),
        k3s_installed=first("k3s_installed") == "yes",
        datastore=first("datastore"),
        server_state=first("server_state"),
        grub=first("grub") == "yes",
        k3s_version=first("k3s_version"),
        reach=first("reach"),
        disk_fsid=first("disk_fsid"),
        disk_record=DiskRecord.parse("\n".join(raw["disk_record"])),
    )


def _listener(line: str) -> Listener:
    """Returns a listener from a line such as "tcp 0.0.0.0:22 sshd ssh.service", in which "-" stands for unknown."""
    protocol, local, process, unit = line.split()
    # rpartition, because IPv6 addresses contain colons.
    address, _, port = local.rpartition(":")
    return Listener(protocol, address, int(port), process.strip("-"), unit.strip("-"))


def _route(line: str) -> tuple[str, str]:
    """Returns (destination, device) from "10.0.0.0/8 via 192.0.2.1 dev eth0 …" or "unreachable 10.0.0.0/8 …"."""
    words = line.split()
    device = words[words.index("dev") + 1] if "dev" in words else ""
    destination = next(word for word in words if word == "default" or word[0].isdigit())
    return destination, device
