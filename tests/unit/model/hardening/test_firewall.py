from __future__ import annotations

import dataclasses
import re

from skerry.model.hardening import firewall
from skerry.model.hardening.catalogue import IDS
from skerry.model.hardening.host_context import HostContext
from tests.unit.conftest import MakeSettings


def rules(host_context: HostContext, *waived: str, members: tuple[str, ...] = ()) -> str:
    return firewall.compose(
        host_context.settings, host_context.role, members, firewall.Ports((22, 2222)), IDS - {*waived}
    ).content


def test_the_firewall_by_role(host_context: HostContext, make_settings: MakeSettings) -> None:
    text = rules(host_context, members=("192.0.2.2/32", "2001:db8::2/128"))
    assert "tcp dport { 22, 2222 } ct state new accept" in text
    assert "ip saddr { 192.0.2.2/32 } tcp dport { 2379-2381, 6443, 10250, 5001 }" in text
    assert "ip6 saddr { 2001:db8::2/128 } udp dport { 8472, 51820, 51821 }" in text
    assert text.count("policy drop") == 2
    agent = rules(dataclasses.replace(host_context, role="agent"))
    assert "6443" not in agent
    assert "2379" not in agent
    narrow = make_settings(firewall_ssh_from=["192.0.2.0/24"], firewall_open=["udp/60000-61000"])
    text = rules(dataclasses.replace(host_context, settings=narrow))
    assert "ip saddr { 192.0.2.0/24 } tcp dport { 22, 2222 }" in text
    assert "udp dport 60000-61000 accept" in text
    assert "chain forward" not in rules(host_context, "FW-04")
    assert "flush" not in text


def test_a_reload_changes_only_our_table(host_context: HostContext) -> None:
    tables = re.findall(r"^\s*(?:delete )?table (.*?)(?: \{)?$", rules(host_context), re.M)
    assert set(tables) == {"inet skerry"}
