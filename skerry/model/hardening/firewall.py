"""The firewall: the nftables table "inet skerry", beside the tables of kube-proxy and flannel.

Ports after https://docs.k3s.io/installation/requirements#networking. nftables accepts a packet only if all tables do.
So this table cannot accept what another drops, and no other table can accept what this one drops.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from skerry.model.files import File
from skerry.model.hardening.control import Check, Control, GdprArticle
from skerry.model.host_paths import FIREWALL_RULES
from skerry.model.ports import RELAY_PORT
from skerry.model.role import Role
from skerry.model.settings.settings import Settings

UNIT = "skerry-firewall.service"
SERVICE = File(
    f"/etc/systemd/system/{UNIT}",
    """# Written by Skerry. Loads, replaces and removes the table "inet skerry", and no other.
[Unit]
Description=Skerry: firewall
Documentation=man:nft(8)
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
After=local-fs.target systemd-modules-load.service
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
Environment=RULES=/etc/skerry/firewall.nft
ExecStart=/usr/sbin/nft -f ${RULES}
ExecStartPost=/bin/sh -c '{ sha256sum < $RULES; nft -s list table inet skerry | sha256sum; } > /run/skerry-firewall'
ExecReload=/usr/sbin/nft -f ${RULES}
ExecReload=/bin/sh -c '{ sha256sum < $RULES; nft -s list table inet skerry | sha256sum; } > /run/skerry-firewall'
ExecStop=/bin/sh -c 'nft delete table inet skerry; rm -f /run/skerry-firewall'

[Install]
WantedBy=sysinit.target
""",
)
# The ports that hosts of the cluster use among themselves, by role.
CLUSTER_PORTS = {
    "server": ("tcp dport { 2379-2381, 6443, 10250, 5001 }", "udp dport { 8472, 51820, 51821 }"),
    "agent": ("tcp dport { 10250, 5001 }", "udp dport { 8472, 51820, 51821 }"),
}


@dataclass(frozen=True)
class Ports:
    """The TCP ports on which the host's sshd listens. They are always opened."""

    ssh: tuple[int, ...]


def controls(settings: Settings) -> list[Control]:
    """Returns the firewall's controls."""
    loaded = Check("firewall", "table inet skerry", "as written")
    rules = Check("file", FIREWALL_RULES, "as composed")
    return [
        _control("FW-01", "Incoming packets are dropped unless a rule allows them", "3.5.2", "3.5.2",
                 "replies, pods and what kube-proxy redirects are allowed; outgoing packets are not filtered",
                 loaded, rules, Check("unit", UNIT.removesuffix(".service"), "active"),
                 Check("package", "nftables", "installed")),
        _control("FW-02", "SSH and the API server are open to the networks in the settings", "3.5.2", "3.5.1.6",
                 "the cluster's hosts and pods always reach the API server", loaded, rules),
        _control("FW-03", "Only the cluster's hosts and pods reach etcd, kubelet, flannel and metrics", "3.5.2",
                 "3.5.1.6", "etcd's metrics (port 2381) listen on every address once exposed", loaded, rules),
        _control("FW-04", "The host forwards only packets of pods", "3.2.2", "3.2.2, 3.5.1.7",
                 "replaces ip_forward = 0, which breaks pod networking; pods, services and NodePorts are allowed",
                 loaded, rules),
        _control("FW-05", "No other firewall flushes or blocks the cluster's rules", "3.5.1", "3.5.2.2",
                 "nftables.service and firewalld flush kube-proxy's rules (rke2#10469); ufw drops forwarded packets",
                 *(Check("unit", name, "off") for name in ("ufw", "firewalld", "nftables"))),
    ]  # fmt: skip


def _control(
    id: str, title: str, ubuntu: str, debian: str, k3s_compatibility: str, *checks: Check
) -> Control:
    gdpr_article: GdprArticle = "32(1)(b) confidentiality"
    return Control(
        id, title, "CIS, K3s requirements", ubuntu, debian, gdpr_article, k3s_compatibility, checks
    )


def compose(
    settings: Settings, role: Role, members: Sequence[str], ports: Ports, active: frozenset[str]
) -> File:
    """Returns the rules' file. `members`: networks of the cluster's other hosts. `active`: ids of controls not waived.

    nft replaces the old table in one transaction, or changes nothing.
    """
    everywhere = ["0.0.0.0/0", "::/0"]
    ssh = settings.firewall_ssh_from if "FW-02" in active else everywhere
    api = settings.firewall_api_from if "FW-02" in active else everywhere
    inside = members if "FW-03" in active else everywhere
    lines = [
        "# Written by Skerry. `systemctl reload skerry-firewall` loads it again; no other table is touched.",
        "table inet skerry",
        "delete table inet skerry",
        "table inet skerry {",
        *_anti_spoofing(settings),
        "  chain input {",
        "    type filter hook input priority filter + 10; policy drop;",
        "    iif lo accept",
        "    ct state established,related accept",
        "    ct status dnat accept comment \"NodePorts and host ports, as kube-proxy redirected them\"",
        "    meta l4proto { icmp, ipv6-icmp } accept",
        "    udp sport 67 udp dport 68 accept comment \"DHCP\"",
        "    ip6 saddr fe80::/10 udp dport 546 accept comment \"DHCPv6\"",
        *_from(ssh, f"tcp dport {_set(map(str, ports.ssh))} ct state new", "SSH"),
        *(_from(api, "tcp dport 6443", "API server") if role == "server" else []),
        *[rule for match in CLUSTER_PORTS[role] for rule in _from(inside, match, "members")],
        *(_from(inside, f"tcp dport {RELAY_PORT}", "artifact_relay") if settings.artifact_relay else []),
        _pods(settings),
        *[rule for text in settings.firewall_open for rule in _from(everywhere, _opening(text), "firewall_open")],
        "    limit rate 6/minute burst 10 packets log prefix \"skerry: in: \" level info",
        "  }",
        *(_forward(settings, members) if "FW-04" in active else []),
        "}",
        "",
    ]  # fmt: skip
    return File(FIREWALL_RULES, "\n".join(lines), "600")


def _forward(settings: Settings, members: Sequence[str]) -> list[str]:
    """Returns rules that forward packets from pods, from other hosts to pods, and those that kube-proxy redirected."""
    pods = settings.k3s_cluster_cidr
    return [
        "  chain forward {",
        "    type filter hook forward priority filter + 10; policy drop;",
        "    ct state established,related accept",
        "    ct status dnat accept comment \"services, NodePorts and host ports\"",
        _pods(settings),
        *[f"    {source} {_destination(pods)} accept comment \"members\"" for source in _sources(members)],
        "    limit rate 6/minute burst 10 packets log prefix \"skerry: forward: \" level info",
        "  }",
    ]  # fmt: skip


def _anti_spoofing(settings: Settings) -> list[str]:
    """Returns the rules that drop packets with pods' source addresses on an interface without a route back to these.

    They hook prerouting, because kernels before 5.13 can look up this route nowhere else.
    """
    return [
        "  chain impostors {",
        "    type filter hook prerouting priority raw; policy accept;",
        f"    {_source([settings.k3s_cluster_cidr])} fib saddr . iif oif missing drop",
        "  }",
    ]


def _pods(settings: Settings) -> str:
    return f'    {_source([settings.k3s_cluster_cidr])} accept comment "pods"'


def _from(networks: Sequence[str], match: str, comment: str) -> list[str]:
    if {"0.0.0.0/0", "::/0"} <= set(networks):
        return [f'    {match} accept comment "{comment}"']
    return [f'    {source} {match} accept comment "{comment}"' for source in _sources(networks)]


def _sources(networks: Sequence[str]) -> list[str]:
    """Returns a match of source addresses for each IP version in `networks`."""
    families = [
        [text for text in networks if ipaddress.ip_network(text).version == version] for version in (4, 6)
    ]
    return [_source(family) for family in families if family]


def _source(networks: Sequence[str]) -> str:
    family = "ip" if ipaddress.ip_network(networks[0]).version == 4 else "ip6"
    merged = ipaddress.collapse_addresses(ipaddress.ip_network(net) for net in networks)  # type: ignore[type-var]
    return f"{family} saddr {_set(map(str, merged))}"


def _destination(network: str) -> str:
    return f"{'ip' if ipaddress.ip_network(network).version == 4 else 'ip6'} daddr {network}"


def _set(values: object) -> str:
    return "{ " + ", ".join(sorted(values)) + " }"  # type: ignore[call-overload]


def _opening(text: str) -> str:
    """Returns the match for "tcp/443" or "udp/60000-61000"."""
    protocol, _, port = text.partition("/")
    return f"{protocol} dport {port}"
