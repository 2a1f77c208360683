"""The update window: if an update asks for a reboot, the host is drained, rebooted and uncordoned."""

from __future__ import annotations

import json

from skerry import lab
from tests.lab.conftest import Run, WriteInventory
from tests.lab.runs import wait_for

WINDOW = "systemctl start skerry-reboot.service"


def node_spec(host: lab.LabHost) -> dict[str, object]:
    """The node's spec; {} while the API server does not answer."""
    done = lab.run(host.name, "k3s kubectl get nodes -o json", check=False)
    items = json.loads(done.stdout)["items"] if done.returncode == 0 else []
    return items[0]["spec"] if items else {}


def start_time(host: lab.LabHost) -> str:
    """The time of the last boot; a container has no boot id of its own."""
    return lab.run(host.name, "systemctl show -p UserspaceTimestampMonotonic --value").stdout.strip()


def window_log(host: lab.LabHost) -> str:
    return lab.run(host.name, "journalctl --unit skerry-reboot --output cat").stdout


def test_a_host_reboots_in_its_window_only_if_an_update_asks_for_it(
    host: lab.LabHost, inventory: WriteInventory, run: Run
) -> None:
    result = run(inventory(host))
    assert result.code == 0, result.stderr
    assert "skerry-reboot.timer" in lab.run(host.name, "systemctl list-timers --no-pager").stdout
    before = start_time(host)
    lab.run(host.name, WINDOW)
    assert start_time(host) == before, "nothing asked for a reboot"

    lab.run(
        host.name, "echo 'System restart required' > /run/reboot-required; mkdir -p /var/lib/skerry/guard"
    )
    lab.run(host.name, WINDOW)
    assert "put off: a change to SSH or the firewall is not proven yet" in window_log(host)
    assert start_time(host) == before
    lab.run(host.name, "rmdir /var/lib/skerry/guard")

    lab.run(host.name, f"systemctl start --no-block {WINDOW.split()[-1]}")
    wait_for(lambda: lab.run(host.name, "true", check=False).returncode != 0, "the reboot")
    wait_for(
        lambda: lab.run(host.name, "true", check=False).returncode == 0 and start_time(host) != before,
        "the host",
    )
    assert "drained" in window_log(host)
    wait_for(lambda: node_spec(host) != {} and not node_spec(host).get("unschedulable"), "an uncordoned node")
    wait_for(
        lambda: lab.run(host.name, "test -e /var/lib/skerry/cordoned", check=False).returncode == 1,
        "the uncordoning",
    )
    assert run(inventory(host)).changed == []
