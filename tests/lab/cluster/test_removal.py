"""node-remove: a server that comes back later, one that etcd needs, one whose host is dead."""

from __future__ import annotations

from skerry import lab
from tests.lab.cluster.cluster import AGENT, NAMES, Cluster
from tests.lab.runs import wait_for


def test_a_removed_server_is_forgotten_and_comes_back_when_it_is_listed(cluster: Cluster) -> None:
    removed = cluster.invoke("node-remove", "c3", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert cluster.nodes() == dict.fromkeys(["c1", "c2", AGENT], "True")
    assert cluster.shell("c3", "ls /etc/rancher /usr/local/bin/k3s 2>&1 || true").count("No such file") == 2
    for name, words in (
        ("c9", "is no node of this cluster; the nodes are c1, c2, c4"),
        ("c3", "is no node of this cluster"),
    ):
        again = cluster.invoke("node-remove", name, "--yes")
        assert (again.returncode, again.stdout) == (2, ""), again.stderr
        assert words in again.stderr
        assert again.stderr.count("\n") == 1
    back = cluster.run()
    assert back.code == 0, back.stderr
    assert cluster.nodes("c3") == dict.fromkeys(NAMES, "True")


def test_a_server_that_etcd_needs_is_not_removed(cluster: Cluster) -> None:
    cluster.shell("c2", "systemctl stop k3s")
    try:
        refused = cluster.invoke("node-remove", "c3", "--yes")
        assert refused.returncode == 2, refused.stderr
        assert "without it etcd would have 1 healthy of 2 voters and needs 2" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert cluster.shell("c3", "systemctl is-active k3s") == "active"
    finally:
        cluster.shell("c2", "systemctl start k3s")


def test_a_dead_server_is_removed_without_its_host(cluster: Cluster) -> None:
    lab.power_off("c3", hard=True)
    wait_for(lambda: cluster.shell("c1", "k3s kubectl get nodes", check=False) != "", "an etcd leader")
    removed = cluster.invoke("node-remove", "c3", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert "c3" not in cluster.nodes()
    assert "its host was not cleared" in removed.stderr
