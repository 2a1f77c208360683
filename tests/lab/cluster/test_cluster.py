"""Three servers and an agent: they form one cluster, change one at a time, and lose no write that was acknowledged.

K3s is the stand-in; its docstring says how much of etcd it has.
"""

from __future__ import annotations

from skerry.model.ports import RELAY_PORT
from tests.lab.cluster.cluster import NAMES, SERVERS, START, SWITCHES, Cluster, Writer
from tests.lab.conftest import OLDER
from tests.lab.runs import Result


def test_all_are_ready_and_every_server_says_so(cluster: Cluster) -> None:
    for server in SERVERS:
        assert cluster.nodes(server) == dict.fromkeys(NAMES, "True")
    assert "initial-advertise-peer-urls" in cluster.shell(
        "c3", "cat /var/lib/rancher/k3s/server/db/etcd/config"
    )


def test_a_second_run_changes_nothing(cluster: Cluster) -> None:
    starts, again = cluster.starts(), cluster.run()
    assert again.code == 0, again.stderr
    assert {line["result"] for line in again.journal if line["event"] == "end"} == {"unchanged"}
    assert cluster.starts() == starts


def test_one_host_gets_k3s_and_the_others_get_it_from_that_one(cluster: Cluster) -> None:
    """A host that lost the binary gets it from there again; a host that cannot reach it fails with a message, alone."""

    def changed(result: Result, operation: str) -> set[str]:
        lines = [line for line in result.journal if line.get("operation") == operation]
        return {line["host"] for line in lines if line.get("result") == "changed"}

    install, take = f"K3s | Install k3s {OLDER}", "K3s | Take k3s from the region's first host"
    assert (changed(cluster.first_run, install), changed(cluster.first_run, take)) == (
        {"c1"},
        {"c2", "c3", "c4"},
    )
    cluster.shell("c4", f"rm /usr/local/lib/k3s/{OLDER}/k3s")
    address = cluster.hosts["c1"].address
    cluster.shell("c4", f"ip route add prohibit {address}")
    cut = cluster.run()
    cluster.shell("c4", f"ip route del prohibit {address}")
    assert (cut.code, cut.failed) == (1, [take]), cut.stderr
    assert "could not be fetched; see artifact_mirror, artifact_delivery and artifact_relay" in cut.stderr
    again = cluster.run()
    assert again.code == 0, again.stderr
    assert (changed(again, install), changed(again, take)) == (set(), {"c4"})
    assert cluster.shell(
        "c1", f"systemctl is-active skerry-relay; ss -Hltn 'sport = :{RELAY_PORT}'", check=False
    ) == ("inactive")


def test_tokens_are_never_shown(cluster: Cluster) -> None:
    """Joining nodes have full tokens, agents a token of their own; no command line, log or readable file has one."""
    tokens = {name: cluster.shell(name, "cat /etc/rancher/k3s/token") for name in NAMES}
    agent_token = cluster.shell("c1", "cat /etc/rancher/k3s/agent-token")
    ca = tokens["c2"].partition("::")[0]
    assert ca.startswith("K10")
    assert tokens["c3"] == tokens["c2"] == f"{ca}::server:{tokens['c1']}"
    assert tokens["c4"] == f"{ca}::node:{agent_token}" != f"{ca}::node:{tokens['c1']}"
    assert len({agent_token, tokens["c1"]}) == 2
    recorded = [path for path in (cluster.folder / "home").rglob("*") if path.is_file()]
    assert recorded
    for secret in (agent_token, tokens["c1"]):
        assert not [path for path in recorded if secret in path.read_text()]
        for name in NAMES:
            argv = cluster.shell(name, "cat /run/argv")
            assert "/usr/local/bin/k3s" in argv
            assert secret not in argv
            find = f"grep -rlF {secret} /etc /home /root /tmp /usr/local /var /run/log | xargs -r stat -c '%a %U'"
            assert set(cluster.shell(name, find).splitlines()) <= {"600 root"}
            assert secret not in cluster.shell(
                name, "journalctl -o cat --no-pager | grep -F :: | cut -c 1-2000 || true"
            )


def test_a_change_goes_through_the_servers_one_by_one_and_loses_no_write(cluster: Cluster) -> None:
    before = cluster.starts()
    with Writer(cluster) as writer:
        result = cluster.run(max_pods=90)
    assert result.code == 0, result.stderr
    starts = [
        line
        for line in result.journal
        if line.get("operation") == START and line["event"] in ("start", "end")
    ]
    assert [(line["event"], line["host"]) for line in starts] == [
        (event, name) for name in NAMES for event in ("start", "end")
    ]
    assert all(cluster.starts()[name] != before[name] for name in NAMES)
    assert len(writer.acknowledged) > 20
    assert writer.lost(cluster) == set()
    print(f"{len(writer.acknowledged)} writes, none lost, longest gap {writer.longest_gap_seconds:.1f} s")
    assert writer.longest_gap_seconds < 8


def test_a_server_that_does_not_come_back_stops_the_rollout(cluster: Cluster) -> None:
    before = cluster.starts()
    cluster.shell("c2", f"""echo '{{"fail_start": "it has no good reason"}}' > {SWITCHES}""")
    stopped = cluster.run()
    assert (stopped.code, stopped.failed) == (1, [START] * 3), stopped.stderr
    assert "it has no good reason" in stopped.stderr
    for name in ("c3", "c4"):
        assert "c2 has failed, so that K3s here was left as it was" in stopped.stderr
        assert cluster.starts()[name] == before[name]
    cluster.shell("c2", f"rm {SWITCHES}")
    mended = cluster.run()
    assert mended.code == 0, mended.stderr
    assert cluster.nodes() == dict.fromkeys(NAMES, "True")


def test_no_server_is_restarted_while_another_is_unhealthy(cluster: Cluster) -> None:
    """The process of the third server runs, but its etcd does not answer."""
    cluster.shell("c3", "systemctl kill -s STOP k3s")
    before = cluster.starts()
    try:
        refused = cluster.run(max_pods=50, k3s_ready_timeout_seconds=10)
    finally:
        cluster.shell("c3", "systemctl kill -s CONT k3s")
    assert refused.code == 1
    assert "etcd has 3 voters and needs 2; without c1 it would have 1; not healthy: c3-" in refused.stderr
    assert cluster.starts() == before


def test_servers_that_are_all_down_are_started_together(cluster: Cluster) -> None:
    for name in SERVERS:
        cluster.shell(name, "systemctl stop k3s")
    result = cluster.run()
    assert result.code == 0, result.stderr
    assert cluster.nodes("c3") == dict.fromkeys(NAMES, "True")


def test_a_reboot_rolls_through_the_hosts_and_loses_no_write(cluster: Cluster) -> None:
    boots = {name: cluster.shell(name, "cat /proc/sys/kernel/random/boot_id") for name in NAMES}
    with Writer(cluster, "reboot") as writer:
        reboot = cluster.invoke("reboot")
    assert reboot.returncode == 0, reboot.stderr
    steps = [
        line.split(": ") for line in reboot.stderr.splitlines() if line.endswith((": reboots", ": is back"))
    ]
    assert [(name.strip(), step) for name, step in steps] == [
        (name, step) for name in NAMES for step in ("reboots", "is back")
    ]
    for name in NAMES:
        assert cluster.shell(name, "cat /proc/sys/kernel/random/boot_id") != boots[name]
    assert cluster.nodes() == dict.fromkeys(NAMES, "True")
    assert "SchedulingDisabled" not in cluster.shell("c1", "k3s kubectl get nodes")
    assert writer.lost(cluster) == set()
    print(f"{len(writer.acknowledged)} writes, none lost, longest gap {writer.longest_gap_seconds:.1f} s")
