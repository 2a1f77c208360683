"""The K3s node of each host of the run: as the settings define it, and as the fact finds it on the host."""

from __future__ import annotations

import os

from pyinfra import inventory
from pyinfra.api.exceptions import DeployError
from pyinfra.context import ctx_host

from skerry.facts.batch import BatchedFact
from skerry.facts.k3s import K3s, K3sState
from skerry.local.artifacts import sources
from skerry.local.http_client import Unreachable
from skerry.model.artifacts import ARCHITECTURES
from skerry.model.errors import InputError
from skerry.model.hardening.k3s_cis import POLICIES
from skerry.model.k3s.config import endpoint
from skerry.model.k3s.eviction import memory_threshold
from skerry.model.k3s.node import Node
from skerry.model.k3s.reservations import check_allocatable, reservations
from skerry.model.k3s.snapshots import CREDENTIALS, credentials
from skerry.model.preparation.host_facts import HostFacts
from skerry.model.settings.settings import Settings
from skerry.operations.errors import BadInput
from skerry.operations.per_run import per_run
from skerry.operations.servers import server_names
from skerry.phases.host_spec import host_specs
from skerry.phases.preflight import all_host_facts


@per_run
def node_of(name: str) -> Node:
    """Returns the node that the settings define for host `name`.

    Raises BadInput for a mistake in settings or artifacts, or if the host is not part of this run; DeployError if a
    checksum cannot be downloaded, or from preflight.
    """
    if name not in all_host_facts():
        raise BadInput(f"{name}: is not part of this run, and the others need it; run it without --limit")
    try:
        return _compose_node(name, all_host_facts()[name])
    except InputError as error:
        raise BadInput(f"{name}: {error}") from None
    except Unreachable as error:
        raise DeployError(f"{error}; no host was changed") from None


@per_run
def k3s_fact(name: str) -> BatchedFact[K3sState]:
    """Returns the K3s fact of host `name`, which need not be the current host. Raises as `node_of` does."""
    node = node_of(name)
    files = [*(file.path for file in node.files), POLICIES, CREDENTIALS]
    with ctx_host.use(inventory.get_host(name)):
        return BatchedFact(
            K3s, unit=node.unit, binary=node.binary, images=node.images, role=node.role, files=files
        )


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
    """Returns the settings with `k3s_tls_sans` extended by all addresses at which operators and nodes reach the API."""
    settings = host_specs()[name].settings
    endpoints = (settings.k3s_api_endpoint, settings.k3s_registration_endpoint)
    # The port follows the last colon: an IPv6 address contains others.
    names = [url.rpartition(":")[0].strip("[]") for url in endpoints]
    names += [inventory.get_host(name).data.get("ssh_hostname") or name, *settings.k3s_tls_sans]
    return settings.model_copy(update={"k3s_tls_sans": sorted({name for name in names if name})})


def server_url(name: str) -> str | None:
    """Returns the URL, of registration endpoint or first server, that host `name` joins; None for the first server."""
    first = server_names()[0]
    if name == first:
        return None
    return f"https://{host_specs()[name].settings.k3s_registration_endpoint or endpoint(address(first))}"


def address(name: str) -> str:
    """Returns the address at which other hosts of the cluster reach host `name`."""
    return (
        host_specs()[name].settings.k3s_node_ip or inventory.get_host(name).data.get("ssh_hostname") or name
    )
