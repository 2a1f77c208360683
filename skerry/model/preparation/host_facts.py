"""What preflight knows of a host: the host_facts script's output, parsed into plain values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from skerry.model.disk import DiskRecord
from skerry.model.fact_output import sections


@dataclass(frozen=True)
class Listener:
    """A listening socket: its process ("" for the kernel) and the systemd unit of that."""

    protocol: str
    address: str
    port: int
    process: str
    unit: str


@dataclass(frozen=True)
class HostFacts:
    """One host as found. Memory in KiB, disk in bytes, times in seconds since the epoch.

    `k3s_version`: what runs here, "" for nothing.
    `datastore`: "etcd" or "sqlite" where a server has run, else "". `server_state`: of its unit, as systemd says it.
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
    rivals: tuple[str, ...]
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
        """A container shares its kernel: modules, most sysctls, swap and time belong to the machine."""
        return self.virtualisation in CONTAINERS

    @property
    def cgroup_v2(self) -> bool:
        """True for the unified hierarchy alone; stock Ubuntu 20.04 boots a hybrid, which counts as v1."""
        return self.cgroup == "cgroup2fs"


CONTAINERS = {"systemd-nspawn", "lxc", "lxc-libvirt", "docker", "podman", "openvz", "container-other"}


def parse(lines: Iterable[str]) -> HostFacts:
    """The host_facts of one host. Raises KeyError or ValueError when the script was cut short."""
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
        rivals=tuple(raw["rivals"]),
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
    """From "tcp 0.0.0.0:22 sshd ssh.service"; a "-" stands for nothing known."""
    protocol, local, process, unit = line.split()
    address, _, port = local.rpartition(":")
    return Listener(protocol, address, int(port), process.strip("-"), unit.strip("-"))


def _route(line: str) -> tuple[str, str]:
    """(destination, device) from "10.0.0.0/8 via 192.0.2.1 dev eth0 …" or "unreachable 10.0.0.0/8 …"."""
    words = line.split()
    device = words[words.index("dev") + 1] if "dev" in words else ""
    destination = next(each for each in words if each == "default" or each[0].isdigit())
    return destination, device
