"""bench-disk and the disk gate on hosts: verdicts are kept and obeyed, an interrupted bench leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from skerry import lab
from skerry.local.paths import PROJECT
from skerry.model.disk import DiskRecord
from tests.lab.conftest import Run, WriteInventory
from tests.lab.runs import wait_for
from tests.lab.test_tasks import invoke

RECORD = "/var/lib/skerry/disk.json"
SHORT = "import skerry.bench.profiles as p; p.QUICK[0]['seconds'] = 4"
# The remains of an engine: its processes (the plan is in their command line) and its deleted open files.
REMAINS = (
    "pgrep -f [s]ilence_seconds; "
    "find /proc/[0-9]*/fd -lname '/var/lib*(deleted)' 2>/dev/null; find /var/lib -xdev -newer /run/started -size +1M"
)
CONTROLLER = """
import skerry.commands.disk.measure as m
m.SILENCE_SECONDS, m.HEARTBEAT_SECONDS = 4, 1
from skerry.commands.disk import bench
from skerry.commands.inventory import load
bench.bench(load(sys.argv[1]), bench.Options("quick", fio=False))
"""


def fsid(host: lab.LabHost) -> str:
    return lab.run(host.name, "stat -fc %i /var/lib").stdout.strip()


def put_record(host: lab.LabHost, verdict: str, file_system: str) -> None:
    record = DiskRecord(verdict, "by the test", "quick", "", "/var/lib", file_system, predicted={})
    lab.run(host.name, f"mkdir -p /var/lib/skerry && cat > {RECORD} <<'END'\n{record.file().content}END")


def test_a_verdict_is_shown_stored_and_kept(
    fresh_host: lab.LabHost, inventory: WriteInventory, home: Path
) -> None:
    path = str(inventory(fresh_host))
    done = invoke(home, "bench-disk", path, "--profile", "quick", "--json")
    assert done.returncode in (0, 3), done.stderr
    run = json.loads(done.stdout)
    [host] = run["hosts"]
    assert (run["schema"], host["host"], host["error"]) == (1, fresh_host.name, "")
    assert done.returncode == (0 if host["verdict"] == "PASS" else 3)
    [phase] = host["result"]["phases"]
    assert sum(phase["sync"]["histogram"].values()) == phase["sync"]["n"] > 1000
    record = json.loads(lab.run(fresh_host.name, f"cat {RECORD}").stdout)
    assert (record["verdict"], record["fsid"]) == (host["verdict"], fsid(fresh_host))
    assert {file.suffix for file in (home / "bench" / "harbour").iterdir()} == {".json", ".html", ".png"}
    [page] = (home / "bench" / "harbour").glob("*.html")
    assert "http://" not in page.read_text().replace("http://www.w3.org", "")
    run_name = f"harbour/{page.stem}"
    assert (
        invoke(home, "bench-compare", run_name, run_name).stdout
        == f"{fresh_host.name}: no clear difference\n"
    )
    assert run_name.removeprefix("harbour/") in invoke(home, "bench-history", path).stdout


def test_k3s_is_refused_on_a_bad_or_unknown_disk(
    fresh_host: lab.LabHost, inventory: WriteInventory, run: Run
) -> None:
    strict = {"disk_gate": "refuse", "disk_measure": False, "min_disk_free_gib": 1}
    missing = run(inventory(fresh_host, **strict))
    assert (missing.code, missing.changed) == (1, [])
    assert "has not been measured; run `invoke bench-disk`" in missing.stderr
    put_record(fresh_host, "FAIL", fsid(fresh_host))
    failed = run(inventory(fresh_host, **strict))
    assert (failed.code, failed.changed) == (1, [])
    assert "FAIL: by the test; choose another disk" in failed.stderr
    warned = run(inventory(fresh_host, **{**strict, "disk_gate": "warn"}), "deploy/disk.py")
    assert (warned.code, warned.changed) == (0, [])
    assert "FAIL: by the test" in warned.stderr
    put_record(fresh_host, "PASS", fsid(fresh_host))
    passed = run(inventory(fresh_host, **strict), "deploy/disk.py")
    assert (passed.code, passed.changed) == (0, [])
    put_record(fresh_host, "PASS", "another")
    assert "is not the one that was measured" in run(inventory(fresh_host, **strict)).stderr


def test_the_disk_phase_measures_a_disk_without_verdict(
    fresh_host: lab.LabHost, inventory: WriteInventory, run: Run
) -> None:
    path = inventory(fresh_host, disk_gate="warn", disk_measure=True)
    measured = run(path, "deploy/disk.py", SHORT)
    assert measured.code == 0, measured.stderr
    assert measured.changed == ["Disk | Measure the datastore's disk (20 s)"]
    assert json.loads(lab.run(fresh_host.name, f"cat {RECORD}").stdout)["profile"] == "quick"
    assert run(path, "deploy/disk.py", SHORT).changed == []
    assert lab.run(fresh_host.name, "ls /var/lib/skerry").stdout.split() == ["disk.json"]


def test_a_running_datastore_is_left_alone(
    fresh_host: lab.LabHost, inventory: WriteInventory, home: Path
) -> None:
    lab.run(
        fresh_host.name,
        "ln -sf /bin/sleep /run/etcd; setsid --fork /run/etcd 60 > /dev/null 2>&1 < /dev/null",
    )
    refused = invoke(
        home, "bench-disk", str(inventory(fresh_host)), "--profile", "quick", "--no-fio", "--json"
    )
    lab.run(fresh_host.name, "pkill -x etcd; true")
    assert refused.returncode == 1
    assert "etcd-latency" in json.loads(refused.stdout)["hosts"][0]["error"]


@contextmanager
def measuring(home: Path, inventory: str, host: lab.LabHost) -> Iterator[subprocess.Popen[bytes]]:
    """A controller whose engine is measuring on the host."""
    lab.run(host.name, "touch /run/started")
    command = [sys.executable, "-c", f"import sys\n{CONTROLLER}", inventory]
    environment = {**os.environ, "SKERRY_HOME": str(home)}
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stderr=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs ignore it by default
    ) as child:  # fmt: skip
        try:
            wait_for(lambda: len(remains(host)) > 3, "the engine's load")
            yield child
        finally:
            child.kill()


def remains(host: lab.LabHost) -> list[str]:
    return lab.run(host.name, REMAINS, check=False).stdout.split()


@pytest.mark.parametrize(
    "how", ["Ctrl-C", "controller killed", "session killed", "engine killed", "connection cut"]
)
def test_an_interrupted_bench_leaves_nothing_on_the_host(
    how: str, fresh_host: lab.LabHost, inventory: WriteInventory, home: Path
) -> None:
    with measuring(home, str(inventory(fresh_host)), fresh_host) as controller:
        if how == "Ctrl-C":
            controller.send_signal(signal.SIGINT)
        elif how == "controller killed":
            controller.kill()
        elif how == "session killed":
            lab.run(fresh_host.name, "kill -9 $(ps -o ppid= -p $(pgrep -f '[s]ilence_seconds' | head -n 1))")
        elif how == "engine killed":
            lab.run(fresh_host.name, "kill -9 $(pgrep -f '[s]ilence_seconds' | head -n 1)")
        else:
            lab.cut(fresh_host.name)
            try:
                controller.wait(60)
            finally:
                lab.mend(fresh_host.name)
        wait_for(lambda: not remains(fresh_host), "the end of the engine", seconds=20)
        if how == "Ctrl-C":
            assert controller.wait(20) == 130
