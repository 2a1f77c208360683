"""The K3s node that the settings make of a host: its files, its artifacts, and the digest that tells it apart."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from string import Template

from pyinfra import host, inventory
from pyinfra.api.exceptions import DeployError

from skerry import templates
from skerry.local.artifacts import sources
from skerry.local.http_client import Unreachable
from skerry.model.artifacts import ARCHITECTURES, ArtifactSource
from skerry.model.errors import InputError
from skerry.model.files import File
from skerry.model.hardening import k3s_cis
from skerry.model.k3s.config import compose, endpoint, to_yaml
from skerry.model.k3s.eviction import memory_threshold
from skerry.model.k3s.paths import AGENT_TOKEN, TOKEN, binary, images, unit
from skerry.model.k3s.reservations import Reservations, check_allocatable, reservations
from skerry.model.k3s.snapshots import credentials
from skerry.model.preparation.host_facts import HostFacts
from skerry.model.role import Role
from skerry.model.settings.settings import Settings
from skerry.operations import servers
from skerry.operations.artifact import Destination
from skerry.operations.errors import BadInput
from skerry.phases.host_spec import HostSpec, host_specs

LINK = "/usr/local/bin/k3s"


@dataclass(frozen=True)
class Node:
    """A K3s node as wanted. `files` are in the order they are written: the digest's comes last."""

    role: Role
    settings: Settings
    reserved: Reservations
    sources: dict[str, ArtifactSource]
    server_url: str | None = None  # of the cluster it joins; None: it starts the cluster
    credentials: tuple[File, ...] = field(default=(), repr=False)  # of the S3 that takes snapshots

    @cached_property
    def unit(self) -> str:
        return unit(self.role)

    @cached_property
    def binary(self) -> str:
        return binary(self.settings.k3s_version)

    @cached_property
    def files(self) -> list[File]:
        config = compose(
            self.settings,
            role=self.role,
            reservations=self.reserved,
            init=self.server_url is None,
            server_url=self.server_url,
            token_file=TOKEN,
            agent_token_file=AGENT_TOKEN,
        )
        scripts = [
            File(f"{LINK}-{name}.sh", templates.text(f"k3s/k3s-{name}.sh"), "755")
            for name in ("killall", "uninstall")
        ]
        service = Template(templates.text("k3s/k3s.service")).substitute(role=self.role)
        return [
            *scripts,
            File("/etc/rancher/k3s/config.yaml", to_yaml(config), "600"),
            File(f"/etc/systemd/system/{self.unit}.service", service),
            *k3s_cis.files(self.settings, self.role),
            *self.credentials,
        ]

    @cached_property
    def images(self) -> str:
        """The archive of container images, "" where none is wanted."""
        return next((images(name) for name in self.sources if "images" in name), "")

    def destination(self, filename: str) -> Destination:
        if "images" in filename:
            return Destination(self.images, "644")
        return Destination(self.binary, "755")

    @cached_property
    def binary_sha256(self) -> str:
        return next(each.sha256 for name, each in self.sources.items() if "images" not in name)

    @cached_property
    def read_at_start(self) -> list[File]:
        return [
            file for file in self.files if not file.path.startswith(LINK) and file.path != k3s_cis.POLICIES
        ]

    @cached_property
    def digest(self) -> str:
        """Of everything whose change calls for a restart: binary, images (imported at start), configuration, unit."""
        parts = [source.sha256 for source in self.sources.values()]
        parts += [file.sha256 for file in self.read_at_start]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @cached_property
    def environment(self) -> File:
        """The unit's environment: a running process shows by it which configuration it was started with."""
        path = f"/etc/systemd/system/{self.unit}.service.env"
        lines = f"SKERRY_CONFIG_SHA256={self.digest}\nSKERRY_K3S_VERSION={self.settings.k3s_version}\n"
        return File(path, lines, "600")


def plan(part: HostSpec, host_facts: HostFacts) -> Node:
    """The node that the settings make of a surveyed host, its artifacts found and their checksums known.

    Raises BadInput for a mistake in settings or artifacts, DeployError when a checksum cannot be fetched.
    """
    settings = reachable(part.settings)
    try:
        reserved = reservations(
            settings.reserve,
            role=part.role,
            cores=host_facts.cores,
            memory_bytes=host_facts.memory_kib * 1024,
            max_pods=settings.max_pods,
        )
        capacity = host_facts.cores * 1000, host_facts.memory_kib * 1024
        check_allocatable(*capacity, reserved, memory_threshold(settings.eviction_hard, capacity[1]))
        found = sources(settings, ARCHITECTURES[host_facts.arch])
        secret = tuple(credentials(settings, os.environ)) if part.role == "server" else ()
        return Node(part.role, settings, reserved, found, server_url(settings), secret)
    except InputError as error:
        raise BadInput(f"{host.name}: {error}") from None
    except Unreachable as error:
        raise DeployError(f"{error}; no host was changed") from None


def reachable(settings: Settings) -> Settings:
    """The settings with the addresses at which operators and nodes reach this API server in its certificate."""
    endpoints = (settings.k3s_api_endpoint, settings.k3s_registration_endpoint)
    names = [each.rpartition(":")[0].strip("[]") for each in endpoints]
    names += [host.data.get("ssh_hostname") or host.name, *settings.k3s_tls_sans]
    return settings.model_copy(update={"k3s_tls_sans": sorted({name for name in names if name})})


def server_url(settings: Settings) -> str | None:
    """Where this host joins: the fixed registration endpoint, else the first server; None for the first server."""
    first = servers.names()[0]
    if host.name == first:
        return None
    return f"https://{settings.k3s_registration_endpoint or endpoint(address(first))}"


def address(name: str) -> str:
    """Where the other hosts of the cluster reach this one."""
    return (
        host_specs()[name].settings.k3s_node_ip or inventory.get_host(name).data.get("ssh_hostname") or name
    )
