"""An existing firewall is refused by name, taken over with firewall_takeover, and restored by unharden."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry import lab
from tests.lab.conftest import Run, WriteInventory

APT = "export DEBIAN_FRONTEND=noninteractive; apt-get -q update && apt-get -q -y install --no-install-recommends "
TABLE = """flush ruleset
table inet mine { chain input { type filter hook input priority 0; tcp dport 4711 drop; }; }
"""
# firewall: the command that sets it up, and the command that succeeds while it filters.
RIVALS = {
    "ufw": (APT + "ufw && ufw allow 22/tcp && ufw --force enable", "ufw status | grep -q '^Status: active'"),
    "nftables": (
        APT + f"nftables && echo '{TABLE}' > /etc/nftables.conf && systemctl enable --now nftables",
        "nft list table inet mine",
    ),
    "firewalld": (APT + "firewalld && systemctl enable --now firewalld", "firewall-cmd --state"),
}


FIREWALL_ALONE = """from skerry.phases.firewall import firewall
from skerry.phases.preflight import preflight
from skerry.phases.ssh import ssh
preflight(), ssh(), firewall()
"""
"""deploy/harden.py without the system phase, to save time."""


def filters(host: lab.LabHost, rival: str) -> bool:
    return lab.run(host.name, RIVALS[rival][1], check=False).returncode == 0


@pytest.mark.parametrize("rival", RIVALS)
def test_another_firewall_is_refused_then_taken_over_and_restored(
    rival: str, fresh_host: lab.LabHost, inventory: WriteInventory, run: Run, tmp_path: Path
) -> None:
    host, harden = fresh_host, str(tmp_path / "firewall_alone.py")
    Path(harden).write_text(FIREWALL_ALONE)
    lab.run(host.name, f"({RIVALS[rival][0]}) > /dev/null")
    assert filters(host, rival)
    refused = run(inventory(host), harden)
    assert (refused.code, refused.changed) == (1, []), refused.stderr
    assert "no host was changed" in refused.stderr
    assert f"{rival} is active" in refused.stderr
    assert "firewall_takeover" in refused.stderr
    assert filters(host, rival)

    taken_over = run(inventory(host, firewall_takeover=True), harden)
    assert taken_over.code == 0, taken_over.stderr
    assert not filters(host, rival)
    lab.reboot(host.name)
    assert not filters(host, rival)
    lab.run(host.name, "nft list chain inet skerry input | grep -q 'policy drop'")
    assert run(inventory(host, firewall_takeover=True), harden).changed == []

    undone = run(inventory(host, firewall_takeover=True), "deploy/unharden.py")
    assert undone.code == 0, undone.stderr
    assert filters(host, rival)
    assert lab.run(host.name, "nft list table inet skerry", check=False).returncode != 0
