"""Checks of an inventory's hosts together: the groups, the number of servers, and what servers must share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from skerry.model.errors import InputError
from skerry.model.k3s.config_keys import CRITICAL
from skerry.model.settings.settings import Settings

# Settings that all servers must share: "Critical Configuration Values" in https://docs.k3s.io/cli/server, the version
# and the datastore.
_SHARED = (
    "k3s_version",
    "k3s_datastore",
    "k3s_cluster_cidr",
    "k3s_service_cidr",
    "k3s_flannel_backend",
    "k3s_disable",
    "k3s_secrets_encryption",
)


def check_inventory(servers: Sequence[str], agents: Sequence[str], settings: Mapping[str, Settings]) -> None:
    """Raise InputError, one line for each problem, unless the hosts can form a cluster.

    `settings`: those of every server, by host.
    """
    problems = [*_groups(servers, agents), *_datastore(servers, settings), *_differences(servers, settings)]
    if problems:
        raise InputError("\n".join(problems))


def _groups(servers: Sequence[str], agents: Sequence[str]) -> Iterator[str]:
    if not servers:
        yield "group servers: is empty; list the host that shall initialise the cluster"
    for group, hosts in (("servers", servers), ("agents", agents)):
        for host, count in Counter(hosts).items():
            if count > 1:
                yield f"group {group}: {host} is listed {count} times; keep one"
    for host in dict.fromkeys(servers):
        if host in agents:
            yield f"{host}: is in both groups; remove it from agents, because a server runs pods too"


def _datastore(servers: Sequence[str], settings: Mapping[str, Settings]) -> Iterator[str]:
    count = len(set(servers))
    if not count:
        return
    if settings[servers[0]].k3s_datastore == "sqlite":
        if count > 1:
            yield f'group servers: {count} servers cannot share sqlite; set k3s_datastore = "etcd" or keep 1'
    elif count % 2 == 0:
        quorum = count // 2 + 1
        yield (
            f"group servers: {count} servers with etcd tolerate the loss of {count - quorum}, "
            f"no more than {count - 1} do, because {quorum} must agree; use {count - 1} or {count + 1}"
        )


def _differences(servers: Sequence[str], settings: Mapping[str, Settings]) -> Iterator[str]:
    remedy = "set it once, in the inventory's group data"
    for host in dict.fromkeys(servers[1:]):
        first, other = _shared(settings[servers[0]]), _shared(settings[host])
        for name, value in first.items():
            if other[name] != value:
                problem = (
                    f"is {other[name]!r}, but {value!r} on {servers[0]}, and all servers must have the same"
                )
                yield f"{host}: setting {name}: {problem}; {remedy}"


def _shared(settings: Settings) -> dict[str, object]:
    """Returns the values that all servers must share, by name. k3s_disable is sorted: its order does not matter."""
    values = {name: getattr(settings, name) for name in _SHARED}
    values["k3s_disable"] = sorted(settings.k3s_disable)
    extra = {f"k3s_config_extra[{key!r}]": settings.k3s_config_extra.get(key) for key in CRITICAL}
    return {**values, **extra}
