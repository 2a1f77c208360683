"""Preflight on real hosts reports all problems at once and changes nothing."""

from __future__ import annotations

from skerry import lab
from tests.lab.conftest import Run, WriteInventory


def test_all_findings_are_reported_at_once_with_their_remedies(
    host: lab.LabHost, inventory: WriteInventory, run: Run
) -> None:
    """A port taken by another program, a route for pod addresses, another Kubernetes, and too little disk space."""
    lab.run(host.name, "systemd-run --unit=squatter --quiet socat TCP-LISTEN:6443,fork /dev/null")
    lab.run(host.name, "ip route add 10.42.8.0/24 via $(ip -4 route show default | cut -d ' ' -f 3)")
    lab.run(host.name, "mkdir -p /var/lib/k0s")
    result = run(inventory(host, min_disk_free_gib=10**6))
    assert result.code == 1
    for words in (
        "port 6443 is taken by socat; stop it",
        "overlaps the host's route 10.42.8.0/24",
        "/var/lib/k0s exists, which would fight K3s",
        "min_disk_free_gib is 1000000; free some",
    ):
        assert words in result.stderr
    assert result.changed == []
    assert lab.run(host.name, "ls /usr/local/lib", check=False).stdout.count("k3s") == 0


def test_a_version_that_refuses_the_hosts_cgroup_is_refused(
    host: lab.LabHost, inventory: WriteInventory, run: Run
) -> None:
    """A container cannot switch the machine's cgroup version; on a machine with cgroup v2 nothing is refused."""
    v2 = lab.run(host.name, "stat -fc %T /sys/fs/cgroup").stdout.strip() == "cgroup2fs"
    result = run(inventory(host, k3s_version="v1.36.3+k3s1"), "deploy/prepare.py")
    assert result.code == (0 if v2 else 1)
    assert ("boot the machine that runs this container with cgroup v2" in result.stderr) is not v2


def test_ports_of_our_own_k3s_are_not_reported(
    host: lab.LabHost, inventory: WriteInventory, run: Run
) -> None:
    path = inventory(host)
    assert run(path).code == 0
    assert "6443" in lab.run(host.name, "ss -Hltn").stdout
    assert run(path).code == 0
