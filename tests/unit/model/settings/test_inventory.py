"""Rules for the hosts of an inventory together."""

from collections.abc import Sequence

import pytest

from skerry.model.errors import InputError
from skerry.model.settings.inventory import check_inventory
from tests.unit.model.settings.parsing import parse


def problems(servers: Sequence[str], agents: Sequence[str] = (), **changes: object) -> list[str]:
    common = parse(**changes)
    try:
        check_inventory(servers, agents, dict.fromkeys([*servers, *agents], common))
    except InputError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize("servers", [["a"], ["a", "b", "c"], ["a", "b", "c", "d", "e"]])
def test_an_odd_number_of_servers_is_a_cluster(servers: list[str]) -> None:
    assert problems(servers, ["x", "y"]) == []


@pytest.mark.parametrize(
    ("servers", "line"),
    [
        (
            ["a", "b"],
            "group servers: 2 servers with etcd tolerate the loss of 0, no more than 1 do, because 2 must agree; "
            "use 1 or 3",
        ),
        (
            ["a", "b", "c", "d"],
            "group servers: 4 servers with etcd tolerate the loss of 1, no more than 3 do, because 3 must agree; "
            "use 3 or 5",
        ),
    ],
)
def test_an_even_number_of_servers_with_etcd_is_refused_with_the_reason(
    servers: list[str], line: str
) -> None:
    assert problems(servers) == [line]


def test_an_inventory_needs_a_server() -> None:
    assert problems([], ["x"]) == ["group servers: is empty; list the host that shall initialise the cluster"]


def test_a_host_has_one_role() -> None:
    assert problems(["a"], ["x", "a"]) == [
        "a: is in both groups; remove it from agents, because a server runs pods too"
    ]


def test_a_host_is_listed_once() -> None:
    assert problems(["a", "a"], ["x", "x", "x"]) == [
        "group servers: a is listed 2 times; keep one",
        "group agents: x is listed 3 times; keep one",
    ]


def test_sqlite_is_for_one_server() -> None:
    assert problems(["a"], k3s_datastore="sqlite") == []
    assert problems(["a", "b", "c"], k3s_datastore="sqlite") == [
        'group servers: 3 servers cannot share sqlite; set k3s_datastore = "etcd" or keep 1'
    ]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("k3s_version", "v1.35.1+k3s1", "'v1.35.1+k3s1', but 'v1.36.3+k3s1' on a"),
        ("k3s_datastore", "sqlite", "'sqlite', but 'etcd' on a"),
        ("k3s_cluster_cidr", "10.52.0.0/16", "'10.52.0.0/16', but '10.42.0.0/16' on a"),
        ("k3s_service_cidr", "10.53.0.0/16", "'10.53.0.0/16', but '10.43.0.0/16' on a"),
        ("k3s_flannel_backend", "host-gw", "'host-gw', but 'vxlan' on a"),
        ("k3s_disable", ["traefik"], "['traefik'], but [] on a"),
        ("k3s_secrets_encryption", False, "False, but True on a"),
    ],
)
def test_a_server_that_differs_is_named_with_the_setting(name: str, value: object, shown: str) -> None:
    settings = {"a": parse(), "b": parse(), "c": parse(**{name: value})}
    with pytest.raises(InputError) as caught:
        check_inventory(["a", "b", "c"], [], settings)
    assert str(caught.value) == (
        f"c: setting {name}: is {shown}, and all servers must have the same; "
        "set it once, in the inventory's group data"
    )


def test_extra_keys_that_must_be_equal_on_all_servers_are_compared() -> None:
    different = parse(k3s_config_extra={"cluster-domain": "oslo.local", "debug": True})
    with pytest.raises(InputError) as caught:
        check_inventory(["a", "b", "c"], [], {"a": parse(), "b": parse(), "c": different})
    assert str(caught.value) == (
        "c: setting k3s_config_extra['cluster-domain']: is 'oslo.local', but None on a, and all servers "
        "must have the same; set it once, in the inventory's group data"
    )


def test_settings_of_a_node_may_differ() -> None:
    """The order of a list may differ, too, and every setting of agents."""
    settings = {
        "a": parse(k3s_disable=["traefik", "servicelb"], max_pods=50, k3s_node_ip="192.0.2.1"),
        "b": parse(k3s_disable=["servicelb", "traefik"], reserve="auto", k3s_node_labels=["disk=ssd"]),
        "c": parse(k3s_disable=["servicelb", "traefik"], k3s_tls_sans=["c.example.org"]),
        "x": parse(k3s_version="v1.35.1+k3s1"),
    }
    check_inventory(["a", "b", "c"], ["x"], settings)
