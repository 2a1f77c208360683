"""Composes K3s's /etc/rancher/k3s/config.yaml from a host's settings."""

from __future__ import annotations

import yaml

from skerry.model.errors import InputError
from skerry.model.hardening import k3s_cis
from skerry.model.k3s import snapshots
from skerry.model.k3s.config_keys import SERVER_ONLY
from skerry.model.k3s.reservations import Reservations, kubelet_args
from skerry.model.ports import API_PORT
from skerry.model.role import Role
from skerry.model.settings.settings import Settings
from skerry.model.yaml_text import dump

HEADER = "Written by Skerry; change the inventory's settings instead"


def compose(
    settings: Settings,
    *,
    role: Role,
    reservations: Reservations,
    init: bool = True,
    server_url: str | None = None,
    token_file: str,
    agent_token_file: str | None = None,
) -> dict[str, object]:
    """Returns the keys of config.yaml for one node, always in the same order.

    A server with `init` initialises the cluster; every other node joins `server_url`. Agents get no key that only
    servers accept, not even from k3s_config_extra. Raises ValueError if a joining node has no server_url, or the
    initialising server has one.
    """
    first = role == "server" and init
    if first == (server_url is not None):
        raise ValueError("a node either initialises the cluster or has a server_url to join")
    cluster_init = first and settings.k3s_datastore == "etcd"
    config: dict[str, object] = {"cluster-init": cluster_init, "server": server_url, "token-file": token_file}
    if role == "server":
        config |= {"agent-token-file": agent_token_file, **_server(settings)}
    config |= _node(settings, reservations)
    profile = k3s_cis.keys(settings, role)
    config |= {key: _joined(config.get(key), value) for key, value in profile.items()}
    extra = {
        key: _joined(profile.get(key), value)
        for key, value in sorted(settings.k3s_config_extra.items())
        if role == "server" or key.removesuffix("+") not in SERVER_ONLY
    }
    return {**{key: value for key, value in config.items() if value not in (None, False, "", [])}, **extra}


def _joined(first: object, second: object) -> object:
    """Returns the second value, or if both are lists (arguments of a component), the two lists joined."""
    return [*first, *second] if isinstance(first, list) and isinstance(second, list) else second


def _server(settings: Settings) -> dict[str, object]:
    return {
        "tls-san": settings.k3s_tls_sans,
        "disable": settings.k3s_disable,
        "flannel-backend": settings.k3s_flannel_backend,
        "cluster-cidr": settings.k3s_cluster_cidr,
        "service-cidr": settings.k3s_service_cidr,
        "write-kubeconfig-mode": "0600",
        **(snapshots.keys(settings) if settings.k3s_datastore == "etcd" else {}),
        "secrets-encryption": settings.k3s_secrets_encryption,
    }


def _node(settings: Settings, reservations: Reservations) -> dict[str, object]:
    return {
        "protect-kernel-defaults": settings.k3s_protect_kernel_defaults,
        "node-ip": settings.k3s_node_ip,
        "node-label": settings.k3s_node_labels,
        "node-taint": settings.k3s_node_taints,
        "kubelet-arg": kubelet_args(reservations, settings.eviction_hard, settings.max_pods),
    }


def endpoint(address: str) -> str:
    """Returns an address with the API server's port. IPv6 addresses get brackets."""
    return f"[{address}]:{API_PORT}" if ":" in address else f"{address}:{API_PORT}"


def to_yaml(config: dict[str, object]) -> str:
    """Returns the file's text. K3s and `from_yaml` read the same values: a string such as "1e3" stays a string."""
    return dump(config, HEADER)


def from_yaml(text: str) -> dict[str, object]:
    """Returns the keys in a config.yaml, {} if it is empty. Raises InputError if it is not a YAML mapping."""
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise InputError(f"K3s's config.yaml is not YAML ({line}); correct or remove it") from None
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise InputError("K3s's config.yaml contains no mapping; correct or remove it")
    return config
