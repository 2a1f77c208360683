"""Day two of a cluster: status, backup, upgrade under load and despite faults, rollback, loss and restore.

K3s is the stand-in; its docstring says how much of etcd it has.
"""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from skerry import lab
from tests.lab.cluster.cluster import AGENT, NAMES, SERVERS, SWITCHES, Cluster, Writer
from tests.lab.conftest import OLDER, PACE
from tests.lab.runs import VERSION, wait_for


def statuses(cluster: Cluster, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    done = cluster.invoke("status", "--json", *arguments)
    assert done.stdout.startswith("["), done.stderr
    return done.returncode, json.loads(done.stdout)


def archives(cluster: Cluster) -> list[Path]:
    return sorted((cluster.folder / "home" / "backups" / "harbour").glob("*.tar.age"))


def numbers(annotations: set[str], prefix: str = "upgrade-") -> list[int]:
    """The numbers of the Writer's writes among these annotations."""
    return [int(name.removeprefix(prefix)) for name in annotations if name.startswith(prefix)]


def test_status_has_the_worst_host_first_and_the_drift_of_each(cluster: Cluster) -> None:
    code, healthy = statuses(cluster)
    assert code == 0, healthy
    assert {host["drift"] for host in healthy} == {"0"}
    roles = [host["etcd"].split()[0] for host in healthy if host["role"] == "server"]
    assert sorted(roles) == ["leader", "voter", "voter"]
    assert all(host["certificates"].endswith(" d") for host in healthy if host["role"] == "server")
    assert all(host["disk"].endswith("GiB free") for host in healthy)
    cluster.shell("c3", "systemctl stop k3s")
    try:
        code, rows = statuses(cluster, "--no-drift")
    finally:
        cluster.shell("c3", "systemctl start k3s")
    assert (code, rows[0]["host"], rows[0]["problems"][0]) == (3, "c3", "k3s is inactive")
    assert [row["problems"] for row in rows[1:]] == [[], [], []]


def test_wrong_upgrades_and_restores_are_refused_in_one_line(cluster: Cluster) -> None:
    starts = cluster.starts()
    for task, arguments, words in (
        ("upgrade", ("--to", "v1.33.8+k3s1"), "v1.33.8+k3s1 is older; `invoke rollback` goes back"),
        ("upgrade", ("--to", "v1.36.3+k3s1"), "skips a minor"),
        ("upgrade", ("--to", "stable"), "is not a K3s version"),
        ("rollback", ("--yes",), "no upgrade of harbour is on record"),
        ("restore", ("yesterday", "--yes"), "yesterday: there is no such archive"),
    ):
        refused = cluster.invoke(task, *arguments)
        assert (refused.returncode, refused.stdout) == (2, ""), refused.stderr
        assert words in refused.stderr
        assert refused.stderr.count("\n") == 1, refused.stderr
    assert cluster.starts() == starts


def test_an_upgrade_stops_at_a_disruption_budget_and_continues_after_the_loss_of_controller_and_host(
    cluster: Cluster,
) -> None:
    """The controller is killed at the second server, whose host loses power; the agent cannot be drained at first."""
    cluster.shell("c1", f"""echo '{{"drain_blocked": "{AGENT}"}}' > {SWITCHES}""")
    with Writer(cluster, "upgrade") as writer:
        started = time.monotonic()
        killed = cluster.start_task("upgrade", "--to", VERSION)
        start_time = "systemctl show k3s -p ExecMainStartTimestamp --value"
        before = cluster.shell("c2", start_time)
        wait_for(
            lambda: killed.poll() is not None or cluster.shell("c2", start_time, check=False) != before,
            "the restart of c2",
            120,
        )
        assert killed.poll() is None, killed.communicate()
        os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate()
        lab.power_off("c2", hard=True)
        lab.start("c2")
        stopped = cluster.invoke("upgrade", "--to", VERSION, reboot_drain_seconds=2)
        assert stopped.returncode == 1, stopped.stderr
        assert f"{AGENT}: was not drained in 2 s" in stopped.stderr
        assert cluster.nodes() == dict.fromkeys(NAMES, "True")
        assert "SchedulingDisabled" not in cluster.shell("c1", "k3s kubectl get nodes")
        cluster.shell("c1", f"rm {SWITCHES}")
        done = cluster.invoke("upgrade", "--to", VERSION)
        seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    assert f'set k3s_version = "{VERSION}"' in done.stdout
    assert cluster.versions() == {VERSION}
    assert "SchedulingDisabled" not in cluster.shell("c1", "k3s kubectl get nodes")
    # That of the first attempt: the rollback restores the state before the upgrade.
    assert len(archives(cluster)) == 1
    assert writer.lost(cluster) == set()
    print(
        f"3 faults, {seconds:.0f} s, {len(writer.acknowledged)} writes, none lost, "
        f"longest gap {writer.longest_gap_seconds:.1f} s"
    )


def test_an_older_minor_in_the_inventory_is_refused_and_a_rollback_restores_its_datastore(
    cluster: Cluster,
) -> None:
    refused = cluster.run()
    assert (refused.code, refused.changed) == (1, [])
    assert f"the host runs K3s {VERSION}, k3s_version {OLDER} is older" in refused.stderr
    before = cluster.annotations()
    back = cluster.invoke("rollback", "--yes", seconds=400)
    assert back.returncode == 0, back.stderr
    assert f"{OLDER} cannot read what {VERSION} has stored" in back.stderr
    assert cluster.versions() == {OLDER}
    assert {name for name in before if not name.startswith("upgrade-")} <= cluster.annotations()
    # The writes since the backup are gone.
    assert max(numbers(before)) > max(numbers(cluster.annotations()), default=0)
    again = cluster.invoke("rollback", "--yes")
    assert (again.returncode, "no upgrade of harbour is on record" in again.stderr) == (2, True)


def test_a_lost_cluster_comes_back_on_fresh_hosts_and_its_agent_with_it(
    cluster: Cluster, prepared: str
) -> None:
    with Writer(cluster, "kept") as kept:
        time.sleep(1)
    done = cluster.invoke("backup", "--json")
    assert done.returncode == 0, done.stderr
    backup = json.loads(done.stdout)
    path = Path(backup["archive"])
    assert path.with_name(f"{path.name}.sha256").read_text() == f"{backup['sha256']}  {path.name}\n"
    assert "skerry-backup" not in cluster.shell("c1", "ls /var/lib/rancher/k3s/server/db/snapshots")
    with Writer(cluster, "later") as later:
        time.sleep(0.5)
    secret = cluster.shell("c1", "cat /etc/rancher/k3s/token")
    assert secret.encode() not in path.read_bytes()
    refused = cluster.invoke("restore", path.name, "--yes")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
    assert "add --overwrite to restore anyway" in refused.stderr

    started = time.monotonic()
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: lab.restore(name, "prepared"), SERVERS))
    for name in SERVERS:
        cluster.shell(name, f"printf '{PACE}' > /etc/default/k3s; ! test -e /etc/rancher")
    restored = cluster.invoke("restore", "latest", "--yes")
    assert restored.returncode == 0, restored.stderr
    seconds = time.monotonic() - started
    assert cluster.nodes("c3") == dict.fromkeys(NAMES, "True")
    assert set(kept.acknowledged) <= cluster.annotations()
    assert not set(later.acknowledged) & cluster.annotations()
    assert cluster.shell("c1", "cat /etc/rancher/k3s/token") == secret
    assert cluster.shell("c1", "ls /var/lib/skerry/restore 2>&1 || true").endswith(
        "No such file or directory"
    )
    again = cluster.run()
    assert {line["result"] for line in again.journal if line["event"] == "end"} == {"unchanged"}
    print(f"{len(kept.acknowledged)} writes back on three fresh hosts in {seconds:.0f} s")


def test_a_drill_proves_an_archive_beside_the_cluster_and_leaves_no_host(cluster: Cluster) -> None:
    starts = cluster.starts()
    drilled = cluster.invoke("restore-drill", "--json", seconds=400)
    assert drilled.returncode == 0, drilled.stderr
    read_back = json.loads(drilled.stdout)["stages"][-1]
    assert (read_back["name"], read_back["result"]) == ("Read back", "done")
    assert f"nodes {', '.join(NAMES)}" in read_back["why"]
    assert cluster.starts() == starts
    assert "drill-1" not in {host.name for host in lab.hosts()}


def test_an_interrupted_restore_over_a_running_cluster_is_completed_by_the_next(cluster: Cluster) -> None:
    with Writer(cluster, "overwritten") as writer:
        time.sleep(0.5)
    killed = cluster.start_task("restore", "latest", "--overwrite", "--yes")
    wait_for(
        lambda: (
            killed.poll() is not None
            or cluster.shell("c1", "systemctl is-active k3s", check=False) != "active"
        ),
        "the stop of c1",
        60,
    )
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    restored = cluster.invoke("restore", "latest", "--overwrite", "--yes")
    assert restored.returncode == 0, restored.stderr
    assert cluster.nodes("c2") == dict.fromkeys(NAMES, "True")
    assert not set(writer.acknowledged) & cluster.annotations()
