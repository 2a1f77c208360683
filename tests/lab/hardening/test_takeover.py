"""A firewall that is there already is refused with its name, taken over when told, and back after unharden."""

from __future__ import annotations

import pytest

import lab
from tests.lab.conftest import Run, WriteInventory

APT = "export DEBIAN_FRONTEND=noninteractive; apt-get -q update && apt-get -q -y install --no-install-recommends "
TABLE = """flush ruleset
table inet mine { chain input { type filter hook input priority 0; tcp dport 4711 drop; }; }
"""
RIVALS = {  # how an administrator has set it up, and what shows that it filters
    "ufw": (APT + "ufw && ufw allow 22/tcp && ufw --force enable", "ufw status | grep -q '^Status: active'"),
    "nftables": (
        APT + f"nftables && echo '{TABLE}' > /etc/nftables.conf && systemctl enable --now nftables",
        "nft list table inet mine",
    ),
    "firewalld": (APT + "firewalld && systemctl enable --now firewalld", "firewall-cmd --state"),
}


def filters(host: lab.Host, rival: str) -> bool:
    return lab.run(host.name, RIVALS[rival][1], check=False).returncode == 0


@pytest.mark.parametrize("rival", RIVALS)
def test_a_rival_is_refused_then_taken_over_and_comes_back(
    rival: str, fresh_host: lab.Host, inventory: WriteInventory, run: Run
) -> None:
    host = fresh_host
    lab.run(host.name, f"({RIVALS[rival][0]}) > /dev/null")
    assert filters(host, rival)
    refused = run(inventory(host), "deploy/harden.py", seconds=300)
    assert (refused.code, refused.changed) == (1, []), refused.stderr
    assert "no host was changed" in refused.stderr
    assert f"{rival} is active" in refused.stderr
    assert "firewall_takeover" in refused.stderr
    assert filters(host, rival)

    taken = run(inventory(host, firewall_takeover=True), "deploy/harden.py", seconds=300)
    assert taken.code == 0, taken.stderr
    assert not filters(host, rival)
    lab.reboot(host.name)
    assert not filters(host, rival)
    lab.run(host.name, "nft list chain inet skerry input | grep -q 'policy drop'")
    assert run(inventory(host, firewall_takeover=True), "deploy/harden.py").changed == []

    undone = run(inventory(host, firewall_takeover=True), "deploy/unharden.py", seconds=300)
    assert undone.code == 0, undone.stderr
    assert filters(host, rival)
    assert lab.run(host.name, "nft list table inet skerry", check=False).returncode != 0
