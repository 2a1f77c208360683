"""Preflight: everything wrong with the hosts of a run, with remedies, before the first change."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from skerry.model.preparation.host_checks import Level, check_host
from skerry.model.preparation.host_facts import HostFacts
from skerry.model.role import Role
from skerry.model.settings.settings import Settings


@dataclass(frozen=True)
class PreflightFinding:
    """A problem of a host. An error stops the run before any change, a warning does not."""

    host: str
    level: Level
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.host}: {self.level}: {self.problem}; {self.remedy}"


def findings(
    facts: Mapping[str, HostFacts],
    settings: Mapping[str, Settings],
    roles: Mapping[str, Role],
    clock_bounds: Mapping[str, tuple[float, float]],
    networks: Mapping[str, Sequence[str]] | None = None,
) -> list[PreflightFinding]:
    """Returns all problems of all hosts, errors first. All mappings are by host.

    `clock_bounds`: this machine's clock before and after each host's facts were read, in seconds since 1970.
    `networks`: those by which the other hosts' firewalls know each host.
    """
    own_problems = [
        PreflightFinding(host, level, problem, remedy)
        for host, host_facts in facts.items()
        for level, problem, remedy in check_host(host_facts, settings[host], roles[host], clock_bounds[host])
    ]
    found = [
        *own_problems,
        *_check_unique(facts),
        *_check_first_server(facts, roles),
        *_check_addresses(facts, settings, networks or {}),
    ]
    return sorted(found, key=lambda finding: finding.level)


def _check_unique(facts: Mapping[str, HostFacts]) -> Iterator[PreflightFinding]:
    """Yield shared or empty host names and machine-ids: with the same (a cloned disk), nodes overwrite each other."""
    for field, remedy in (
        ("hostname", "give each host its own: hostnamectl set-hostname NAME"),
        ("machine_id", "rm /etc/machine-id && systemd-machine-id-setup, then reboot"),
    ):
        values = {host: str(getattr(host_facts, field)) for host, host_facts in facts.items()}
        counts = Counter(values.values())
        name = field.replace("_", "-")
        for host, value in values.items():
            if not value:
                yield PreflightFinding(host, "error", f"the {name} is empty", remedy)
            elif counts[value] > 1:
                others = ", ".join(other for other in values if other != host and values[other] == value)
                yield PreflightFinding(host, "error", f"the {name} {value} is also that of {others}", remedy)


def _check_first_server(
    facts: Mapping[str, HostFacts], roles: Mapping[str, Role]
) -> Iterator[PreflightFinding]:
    """Yield an error if another server has a datastore but the first has none: that would start a second cluster."""
    servers = [host for host, role in roles.items() if role == "server"]
    initialised = [host for host in servers if host in facts and facts[host].datastore]
    if initialised and servers[0] in facts and servers[0] not in initialised:
        member = initialised[0]
        problem = (
            f"is first in servers but has no datastore, while {member} has: it would start another cluster"
        )
        yield PreflightFinding(servers[0], "error", problem, f"put {member} first in the inventory")


def _check_addresses(
    facts: Mapping[str, HostFacts],
    settings: Mapping[str, Settings],
    networks: Mapping[str, Sequence[str]],
) -> Iterator[PreflightFinding]:
    """Yield hosts of unknown addresses, which the other hosts' firewalls would cut off from etcd, flannel, kubelets."""
    for host, host_facts in facts.items():
        if host not in networks or not settings[host].harden:
            continue
        known = [ipaddress.ip_network(text) for text in (*networks[host], *settings[host].firewall_members)]
        addresses = [ipaddress.ip_interface(text).ip for text in host_facts.addresses]
        if not any(address in network for address in addresses for network in known):
            listed = ", ".join(map(str, addresses))
            problem = f"its addresses ({listed}) are unknown to the other hosts' firewalls"
            yield PreflightFinding(
                host, "error", problem, "set k3s_node_ip, or firewall_members for all hosts"
            )
