"""What hardening must know about a host besides its facts."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from skerry.model.role import Role
from skerry.model.settings.settings import Settings


@dataclass(frozen=True)
class HostContext:
    """A host's role, settings, position in the inventory, and the networks of the cluster's other hosts."""

    role: Role
    settings: Settings
    index: int
    peer_networks: tuple[str, ...]

    @classmethod
    def from_inventory(
        cls, name: str, role: Role, settings: Mapping[str, Settings], ssh_hostnames: Mapping[str, str]
    ) -> HostContext:
        """Returns the context of host `name`. The mappings hold every host of the cluster, in the inventory's order."""
        peers = [peer for peer in settings if peer != name]
        networks = {
            network for peer in peers for network in host_networks(peer, settings[peer], ssh_hostnames[peer])
        }
        networks |= set(settings[name].firewall_members)
        return cls(role, settings[name], list(settings).index(name), tuple(sorted(networks)))


def host_networks(name: str, settings: Settings, ssh_hostname: str) -> list[str]:
    """Returns the networks, of one address each, by which other hosts' firewalls know host `name`.

    Host names are skipped; for such hosts, k3s_node_ip or firewall_members must give the addresses.
    """
    networks = []
    for address in (settings.k3s_node_ip, ssh_hostname, name):
        try:
            networks.append(str(ipaddress.ip_network(address)))
        except ValueError:
            continue
    return networks
