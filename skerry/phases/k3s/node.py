"""The K3s node that the settings make of a host: its files, its artifacts, and a digest of both."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from string import Template

from pyinfra import inventory
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
from skerry.operations.artifact import Destination
from skerry.operations.errors import BadInput
from skerry.operations.per_run import per_run
from skerry.operations.servers import server_names
from skerry.phases.host_spec import host_specs
from skerry.phases.preflight import all_host_facts

LINK = "/usr/local/bin/k3s"
SCRIPTS = tuple(
    File(f"{LINK}-{name}.sh", templates.text(f"k3s/k3s-{name}.sh"), "755")
    for name in ("killall", "uninstall")
)


@dataclass(frozen=True)
class Node:
    """A K3s node as the settings define it. `server_url` is None for the node that initialises the cluster."""

    role: Role
    settings: Settings
    reservations: Reservations
    sources: dict[str, ArtifactSource]
    server_url: str | None = None
    # The credentials of the S3 storage that takes snapshots.
    credentials: tuple[File, ...] = field(default=(), repr=False)

    @cached_property
    def unit(self) -> str:
        return unit(self.role)

    @cached_property
    def binary(self) -> str:
        return binary(self.settings.k3s_version)

    @cached_property
    def binary_sha256(self) -> str:
        return next(source.sha256 for name, source in self.sources.items() if "images" not in name)

    @cached_property
    def images(self) -> str:
        """The path of the archive of container images, or "" if the settings ask for none."""
        return next((images(name) for name in self.sources if "images" in name), "")

    def destination(self, filename: str) -> Destination:
        if "images" in filename:
            return Destination(self.images, "644")
        return Destination(self.binary, "755")

    @cached_property
    def configuration(self) -> list[File]:
        """K3s's configuration, its unit, and the files of its profile and its S3 storage."""
        config = compose(
            self.settings,
            role=self.role,
            reservations=self.reservations,
            init=self.server_url is None,
            server_url=self.server_url,
            token_file=TOKEN,
            agent_token_file=AGENT_TOKEN,
        )
        service = Template(templates.text("k3s/k3s.service")).substitute(role=self.role)
        return [
            File("/etc/rancher/k3s/config.yaml", to_yaml(config), "600"),
            File(f"/etc/systemd/system/{self.unit}.service", service),
            *k3s_cis.files(self.settings, self.role),
            *self.credentials,
        ]

    @cached_property
    def files_read_at_start(self) -> list[File]:
        return [file for file in self.configuration if file.path != k3s_cis.POLICIES]

    @cached_property
    def digest(self) -> str:
        """Digest of everything whose change requires a restart: artifacts, configuration, unit."""
        checksums = [source.sha256 for source in self.sources.values()]
        checksums += [file.sha256 for file in self.files_read_at_start]
        return hashlib.sha256("\n".join(checksums).encode()).hexdigest()

    @cached_property
    def environment(self) -> File:
        """The unit's environment. That of the running process shows with which digest it was started."""
        path = f"/etc/systemd/system/{self.unit}.service.env"
        lines = f"SKERRY_CONFIG_SHA256={self.digest}\nSKERRY_K3S_VERSION={self.settings.k3s_version}\n"
        return File(path, lines, "600")

    @cached_property
    def files(self) -> list[File]:
        """All files in the order they are written: the environment comes last, so that its digest is never too new."""
        return [*SCRIPTS, *self.configuration, self.environment]


@per_run
def node_of(name: str) -> Node:
    """The node that the settings make of host `name`.

    Raises BadInput for a mistake in settings or artifacts, DeployError if a checksum cannot be downloaded.
    """
    try:
        return _compose_node(name, all_host_facts()[name])
    except InputError as error:
        raise BadInput(f"{name}: {error}") from None
    except Unreachable as error:
        raise DeployError(f"{error}; no host was changed") from None


def _compose_node(name: str, host_facts: HostFacts) -> Node:
    role, settings = host_specs()[name].role, _with_own_addresses(name)
    capacity = host_facts.cores * 1000, host_facts.memory_kib * 1024
    reserved = reservations(
        settings.reserve,
        role=role,
        cores=host_facts.cores,
        memory_bytes=capacity[1],
        max_pods=settings.max_pods,
    )
    check_allocatable(*capacity, reserved, memory_threshold(settings.eviction_hard, capacity[1]))
    artifacts = sources(settings, ARCHITECTURES[host_facts.arch])
    s3 = tuple(credentials(settings, os.environ)) if role == "server" else ()
    return Node(role, settings, reserved, artifacts, server_url(name), s3)


def _with_own_addresses(name: str) -> Settings:
    """The host's settings, with every address by which operators and nodes reach its API in `k3s_tls_sans`."""
    settings = host_specs()[name].settings
    endpoints = (settings.k3s_api_endpoint, settings.k3s_registration_endpoint)
    names = [url.rpartition(":")[0].strip("[]") for url in endpoints]
    names += [inventory.get_host(name).data.get("ssh_hostname") or name, *settings.k3s_tls_sans]
    return settings.model_copy(update={"k3s_tls_sans": sorted({name for name in names if name})})


def server_url(name: str) -> str | None:
    """The URL that host `name` joins: the registration endpoint or the first server. None for the first server."""
    first = server_names()[0]
    if name == first:
        return None
    return f"https://{host_specs()[name].settings.k3s_registration_endpoint or endpoint(address(first))}"


def address(name: str) -> str:
    """The address by which other hosts of the cluster reach host `name`."""
    return (
        host_specs()[name].settings.k3s_node_ip or inventory.get_host(name).data.get("ssh_hostname") or name
    )
