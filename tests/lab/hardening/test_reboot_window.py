"""The update window: a host that an update wants rebooted is drained, rebooted, and takes pods again."""

from __future__ import annotations

import json

from skerry import lab
from tests.lab.conftest import Run, WriteInventory
from tests.lab.runs import until

WINDOW = "systemctl start skerry-reboot.service"


def node(host: lab.LabHost) -> dict[str, object]:
    """The node's spec, {} while the API server is away."""
    said = lab.run(host.name, "k3s kubectl get nodes -o json", check=False)
    items = json.loads(said.stdout)["items"] if said.returncode == 0 else []
    return items[0]["spec"] if items else {}


def started(host: lab.LabHost) -> str:
    """When the host was last started: a container has no boot id of its own."""
    return lab.run(host.name, "systemctl show -p UserspaceTimestampMonotonic --value").stdout.strip()


def said(host: lab.LabHost) -> str:
    return lab.run(host.name, "journalctl --unit skerry-reboot --output cat").stdout


def test_a_host_reboots_in_its_window_only_if_an_update_asks_for_it_and_takes_pods_again(
    host: lab.LabHost, inventory: WriteInventory, run: Run
) -> None:
    result = run(inventory(host))
    assert result.code == 0, result.stderr
    assert "skerry-reboot.timer" in lab.run(host.name, "systemctl list-timers --no-pager").stdout
    before = started(host)
    lab.run(host.name, WINDOW)
    assert started(host) == before, "nothing asked for a reboot"

    lab.run(
        host.name, "echo 'System restart required' > /run/reboot-required; mkdir -p /var/lib/skerry/guard"
    )
    lab.run(host.name, WINDOW)
    assert "put off: a change to SSH or the firewall is not proven yet" in said(host)
    assert started(host) == before
    lab.run(host.name, "rmdir /var/lib/skerry/guard")

    lab.run(host.name, f"systemctl start --no-block {WINDOW.split()[-1]}")
    until(lambda: lab.run(host.name, "true", check=False).returncode != 0, "the reboot")
    until(
        lambda: lab.run(host.name, "true", check=False).returncode == 0 and started(host) != before,
        "the host",
    )
    assert "drained" in said(host)
    until(lambda: node(host) != {} and not node(host).get("unschedulable"), "a node that takes pods")
    until(
        lambda: lab.run(host.name, "test -e /var/lib/skerry/cordoned", check=False).returncode == 1, "the end"
    )
    assert run(inventory(host)).changed == []
