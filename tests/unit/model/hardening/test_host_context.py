from __future__ import annotations

from skerry.model.hardening.host_context import HostContext, host_networks
from tests.unit.conftest import MakeSettings


def test_members_have_all_their_addresses(make_settings: MakeSettings) -> None:
    settings = {
        "a": make_settings(k3s_node_ip="10.0.1.1"),
        "b": make_settings(firewall_members=["10.0.0.0/24"]),
        "2001:db8::2": make_settings(),
    }
    ssh_hostnames = {"a": "192.0.2.1", "b": "192.0.2.9", "2001:db8::2": ""}
    context = HostContext.from_inventory("b", "agent", settings, ssh_hostnames)
    assert context == HostContext(
        "agent", settings["b"], 1, ("10.0.0.0/24", "10.0.1.1/32", "192.0.2.1/32", "2001:db8::2/128")
    )
    assert host_networks("a.example", make_settings(), "b.example") == []
