"""K3s's artifacts on each host: downloaded or uploaded, or taken from the host that has them for its region."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

from pyinfra import host, inventory, state

from skerry.model.artifacts import ArtifactSource
from skerry.model.k3s.node import Node
from skerry.operations import relay
from skerry.operations.artifact import install
from skerry.phases.host_spec import host_specs
from skerry.phases.k3s.node import address, k3s_fact
from skerry.phases.preflight import all_host_facts


def install_artifact(node: Node, filename: str) -> None:
    """Install an artifact on the current host, and serve it to the other hosts for which this host is the seed host."""
    source, destination = node.sources[filename], node.destination(filename)
    seeds = seed_hosts()
    is_seed = seeds[host.name] == host.name
    found_sha256 = partial(installed_sha256, host.name, filename)
    install(
        name=f"Install {filename} {node.settings.k3s_version}",
        source=source if is_seed else None,
        destination=destination,
        found_sha256=found_sha256,
    )
    if all(seed == name for name, seed in seeds.items()):
        return
    peers = [name for name, seed in seeds.items() if seed == host.name != name]
    # Cached: `stop` must decide as `serve` did, even if peers have failed in between.
    needed = cache(partial(any_lacks, peers, filename, source.sha256))
    relay.serve(name=f"Give {filename}", path=destination.path, sha256=source.sha256, needed=needed)
    relay_url = relay.url(address(seeds[host.name]), source.sha256)
    install(
        name=f"Take {filename} from the region's first host",
        source=None if is_seed else ArtifactSource(relay_url, source.sha256),
        destination=destination,
        found_sha256=found_sha256,
    )
    relay.stop(name=f"Give {filename} no more", needed=needed)


def seed_hosts() -> dict[str, str]:
    """Returns, for each host of the run, its seed host: the host that gets its artifacts from their source.

    A seed host is the host itself, or with artifact_relay the first of the same region, architecture and version.
    """
    facts, seeds = all_host_facts(), {}
    first: dict[tuple[str, ...], str] = {}
    for name in [name for name in host_specs() if name in facts]:
        settings = host_specs()[name].settings
        group = (settings.region, facts[name].arch, settings.k3s_version)
        seeds[name] = first.setdefault(group, name) if settings.artifact_relay else name
    return seeds


def installed_sha256(name: str, filename: str) -> str:
    """Returns the checksum of the artifact that host `name` had before this phase; "" if it had none."""
    k3s = k3s_fact(name).at_start()
    return k3s.images if "images" in filename else k3s.binary


def any_lacks(names: Sequence[str], filename: str, sha256: str) -> bool:
    """Returns whether any of these hosts lacks the artifact. Hosts that have failed are ignored."""
    active = [name for name in names if inventory.get_host(name) not in state.failed_hosts]
    return any(installed_sha256(name, filename) != sha256 for name in active)
