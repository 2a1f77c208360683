"""The second day of a cluster: seen, backed up, upgraded under load and past faults, rolled back, lost and restored.

K3s is the stand-in: its docstring says what of etcd it has.
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
from tests.lab.runs import VERSION, until


def statuses(cluster: Cluster, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    looked = cluster.invoke("status", "--json", *arguments)
    assert looked.stdout.startswith("["), looked.stderr
    return looked.returncode, json.loads(looked.stdout)


def archives(cluster: Cluster) -> list[Path]:
    return sorted((cluster.folder / "home" / "backups" / "harbour").glob("*.tar.age"))


def numbers(annotations: set[str], prefix: str = "upgrade-") -> list[int]:
    """Which of a client's writes are there."""
    return [int(name.removeprefix(prefix)) for name in annotations if name.startswith(prefix)]


def test_status_tells_the_worst_first_and_drift_of_each(cluster: Cluster) -> None:
    code, well = statuses(cluster)
    assert code == 0, well
    assert {each["drift"] for each in well} == {"0"}
    roles = [each["etcd"].split()[0] for each in well if each["role"] == "server"]
    assert sorted(roles) == ["leader", "voter", "voter"]
    assert all(each["certificates"].endswith(" d") for each in well if each["role"] == "server")
    assert all(each["disk"].endswith("GiB free") for each in well)
    cluster.shell("c3", "systemctl stop k3s")
    try:
        code, ill = statuses(cluster, "--no-drift")
    finally:
        cluster.shell("c3", "systemctl start k3s")
    assert (code, ill[0]["host"], ill[0]["problems"][0]) == (3, "c3", "k3s is inactive")
    assert [each["problems"] for each in ill[1:]] == [[], [], []]


def test_what_must_not_be_upgraded_or_restored_is_one_line(cluster: Cluster) -> None:
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


def test_an_upgrade_stops_at_a_disruption_budget_and_goes_on_past_a_lost_controller_and_host(
    cluster: Cluster,
) -> None:
    """The controller is killed at the second server, whose host loses power; the agent's pods stay at first."""
    cluster.shell("c1", f"""echo '{{"drain_blocked": "{AGENT}"}}' > {SWITCHES}""")
    with Writer(cluster, "upgrade") as writer:
        begun = time.monotonic()
        killed = cluster.begin("upgrade", "--to", VERSION)
        version = "systemctl show k3s -p ExecMainStartTimestamp --value"
        before = cluster.shell("c2", version)
        until(
            lambda: killed.poll() is not None or cluster.shell("c2", version, check=False) != before,
            "c2",
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
        seconds = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    assert f'set k3s_version = "{VERSION}"' in done.stdout
    assert cluster.versions() == {VERSION}
    assert "SchedulingDisabled" not in cluster.shell("c1", "k3s kubectl get nodes")
    assert len(archives(cluster)) == 1  # from before: what it goes back to stays the same
    assert writer.lost(cluster) == set()
    print(
        f"3 faults, {seconds:.0f} s, {len(writer.acknowledged)} writes, none lost, "
        f"longest gap {writer.longest_gap_seconds:.1f} s"
    )


def test_the_inventorys_older_minor_is_refused_and_a_rollback_goes_there_with_its_datastore(
    cluster: Cluster,
) -> None:
    refused = cluster.run()
    assert (refused.code, refused.changed) == (1, [])
    assert f"K3s {VERSION} runs here, k3s_version {OLDER} is older" in refused.stderr
    before = cluster.annotations()
    back = cluster.invoke("rollback", "--yes", seconds=400)
    assert back.returncode == 0, back.stderr
    assert f"{OLDER} cannot read what {VERSION} has stored" in back.stderr
    assert cluster.versions() == {OLDER}
    assert {name for name in before if not name.startswith("upgrade-")} <= cluster.annotations()
    assert max(numbers(before)) > max(numbers(cluster.annotations()), default=0)  # since the backup
    again = cluster.invoke("rollback", "--yes")
    assert (again.returncode, "no upgrade of harbour is on record" in again.stderr) == (2, True)


def test_a_lost_cluster_comes_back_on_fresh_hosts_and_its_agent_with_it(
    cluster: Cluster, prepared: str
) -> None:
    with Writer(cluster, "kept") as kept:
        time.sleep(1)
    taken = cluster.invoke("backup", "--json")
    assert taken.returncode == 0, taken.stderr
    made = json.loads(taken.stdout)
    path = Path(made["archive"])
    assert path.with_name(f"{path.name}.sha256").read_text() == f"{made['sha256']}  {path.name}\n"
    assert "skerry-backup" not in cluster.shell("c1", "ls /var/lib/rancher/k3s/server/db/snapshots")
    with Writer(cluster, "given-up") as given_up:
        time.sleep(0.5)
    secret = cluster.shell("c1", "cat /etc/rancher/k3s/token")
    assert secret.encode() not in path.read_bytes()
    running = cluster.invoke("restore", path.name, "--yes")
    assert (running.returncode, running.stderr.count("\n")) == (2, 1), running.stderr
    assert "add --overwrite to restore anyway" in running.stderr

    begun = time.monotonic()
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: lab.restore(name, "prepared"), SERVERS))
    for name in SERVERS:
        cluster.shell(name, f"printf '{PACE}' > /etc/default/k3s; ! test -e /etc/rancher")
    restored = cluster.invoke("restore", "latest", "--yes")
    assert restored.returncode == 0, restored.stderr
    seconds = time.monotonic() - begun
    assert cluster.nodes("c3") == dict.fromkeys(NAMES, "True")
    assert set(kept.acknowledged) <= cluster.annotations()
    assert not set(given_up.acknowledged) & cluster.annotations()
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


def test_a_restore_over_a_running_cluster_that_was_cut_off_is_done_by_the_next(cluster: Cluster) -> None:
    with Writer(cluster, "overwritten") as writer:
        time.sleep(0.5)
    killed = cluster.begin("restore", "latest", "--overwrite", "--yes")
    until(
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
