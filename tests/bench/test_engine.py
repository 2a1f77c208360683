"""The engine reports the delays that were injected, and leaves nothing behind, however it ends."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from skerry.bench.histogram import counts, percentile
from skerry.bench.measurement import Measurement, share_over
from skerry.bench.verdict import Verdict, judge
from tests.bench.conftest import ENGINE, Measure, command

SHARED_MEMORY = Path("/dev/shm")
# A measurement with more stalls of the machine itself is not compared with the injected delays.
MOST_STALLS = 1


def stalls(measurement: Measurement) -> int:
    """How often the machine itself stopped for 4 ms or more, which delays timers as well as syncs."""
    return share_over(measurement["phases"][0]["wake"], measurement["limits_ms"], 4).over


def calmest(measure: Measure, **options: Any) -> Measurement:
    """The first of up to five measurements without a stall of the machine, else the one with the fewest.

    Skips the test if even that one has more than MOST_STALLS.
    """
    taken: list[Measurement] = []
    while len(taken) < 5 and not (taken and stalls(taken[-1]) == 0):
        taken.append(measure(**options))
    best = min(taken, key=stalls)
    if stalls(best) > MOST_STALLS:
        pytest.skip(f"this machine stopped {stalls(best)} times or more in each of five measurements")
    return best


@pytest.mark.parametrize(("every", "verdict"), [(20, Verdict.FAIL), (500, Verdict.PASS)])
def test_injected_delays_are_reported(measure: Measure, slow_disk: str, every: int, verdict: Verdict) -> None:
    """One sync in `every` takes 15 ms, the others 0.3 ms; open-loop, 150 a second."""
    environment = {"LD_PRELOAD": slow_disk, "SLOW_EVERY": str(every), "SLOW_MS": "15"}
    measurement = calmest(measure, environment=environment, seconds=6)
    [phase], limits = measurement["phases"], measurement["limits_ms"]
    over = share_over(phase["sync_less_cpu"], limits, 10)
    assert over.over == pytest.approx(phase["sync"]["n"] / every, abs=2)
    assert over.lower <= 1 / every <= over.upper
    slow = percentile(counts(phase["sync_less_cpu"]["histogram"]), 100 - 50 / every)
    assert slow == pytest.approx(15e6, rel=0.1)
    typical = percentile(counts(phase["sync_less_cpu"]["histogram"]), 50)
    # 0.3 ms, and the delay of a timer.
    assert typical == pytest.approx(0.36e6, rel=0.3)
    # The double is only a syscall that returns late, so the verdict may be SUSPECT; the criterion alone counts.
    share = [result for result in judge(measurement, "etcd").results if result.criterion.startswith("WAL")]
    assert share[0].verdict in (verdict, Verdict.CPU_BOUND)


def test_a_stall_delays_every_request_that_falls_due_in_it(measure: Measure, slow_disk: str) -> None:
    """No coordinated omission: a sync of 400 ms delays the sixty records that fall due during it."""
    environment = {"LD_PRELOAD": slow_disk, "SLOW_EVERY": "200", "SLOW_MS": "400"}
    [phase] = measure(environment=environment, seconds=5)["phases"]
    limits = [1, 2, 4, 8, 10, 16, 25, 32, 64, 128, 256, 500, 1000]
    syncs, answers = (share_over(phase[name], limits, 128).over for name in ("sync", "response"))
    assert syncs >= 2
    # The phase may end in the last stall.
    assert answers >= (syncs - 1) * 30
    # Records that waited share one sync, as in etcd.
    assert phase["sync"]["n"] < phase["records"]


@pytest.mark.skipif(not os.access(SHARED_MEMORY, os.W_OK), reason="needs a tmpfs at /dev/shm")
def test_memory_is_not_taken_for_a_disk(measure: Measure) -> None:
    judgement = judge(measure(path=SHARED_MEMORY, seconds=3), "etcd")
    assert judgement.verdict is Verdict.SUSPECT
    assert "tmpfs" in str(judgement.results)


@contextmanager
def cpu_hogs(count: int) -> Iterator[None]:
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def test_a_starved_cpu_is_not_taken_for_a_slow_disk(measure: Measure, slow_disk: str) -> None:
    """The disk answers within 0.3 ms, but two busy loops per core run at a higher priority than the engine.

    At equal priority, a scheduler may favour the engine, which mostly sleeps.
    """
    with cpu_hogs(2 * (os.cpu_count() or 1)):
        measurement = measure(environment={"LD_PRELOAD": slow_disk}, niceness=15, seconds=5)
    shares = [result for result in judge(measurement, "etcd").results if result.criterion.startswith("WAL")]
    assert shares[0].verdict is Verdict.CPU_BOUND, shares


def left_behind(folder: Path, marker: str) -> list[str]:
    """Processes of the engine, files in its folder, and unnamed files there that a process holds open."""
    remains = [path.name for path in folder.iterdir()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (process / "cmdline").read_text():
                remains.append(f"process {process.name}")
            remains += [
                link
                for descriptor in (process / "fd").iterdir()
                if (link := str(descriptor.readlink())).startswith(str(folder))
            ]
        except OSError:
            continue
    return remains


def left_after(folder: Path, marker: str, seconds: float) -> list[str]:
    """What is still left behind after so many seconds, [] as soon as nothing is."""
    end = time.monotonic() + seconds
    while (remains := left_behind(folder, marker)) and time.monotonic() < end:
        time.sleep(0.1)
    return remains


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_engine_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    for _ in range(2):
        line = command(tmp_path, seconds=60, commit_pause_ms=100, neighbour="pull")
        with subprocess.Popen(line, stdout=subprocess.PIPE, start_new_session=True) as engine:
            assert engine.stdout
            engine.stdout.readline()
            time.sleep(random.uniform(0, 0.5))
            assert left_behind(tmp_path, str(tmp_path))
            engine.send_signal(number)
            assert left_after(tmp_path, str(tmp_path), 5) == []


@pytest.mark.parametrize("how", ["end of input", "silence", "nobody reads"])
def test_the_engine_ends_when_its_controller_has_gone(tmp_path: Path, how: str) -> None:
    phase = {"name": "test", "kind": "etcd", "seconds": 60, "commit_pause_ms": 100}
    silence = 0 if how == "nobody reads" else 2
    plan = {"path": str(tmp_path), "force": True, "silence_seconds": silence, "phases": [phase]}
    line = [sys.executable, str(ENGINE), json.dumps(plan)]
    with subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as engine:
        assert engine.stdin
        assert engine.stdout
        engine.stdout.readline()
        if how == "end of input":
            engine.stdin.close()
        elif how == "nobody reads":
            engine.stdout.close()
        assert left_after(tmp_path, str(tmp_path), 8) == []


def refusal(plan: dict[str, Any]) -> str:
    child = subprocess.run(
        [sys.executable, str(ENGINE), json.dumps(plan)], capture_output=True, text=True, check=False
    )
    assert child.returncode == 2, child.stderr
    last = json.loads(child.stdout.splitlines()[-1])
    assert last["event"] == "refused"
    reason: str = last["reason"]
    return reason


def test_a_plan_that_does_not_fit_is_refused_with_figures(tmp_path: Path) -> None:
    assert "at most 86400 s" in refusal(
        {"path": str(tmp_path), "phases": [{"kind": "etcd", "seconds": 10**6}]}
    )
    small = refusal({"path": "/proc", "phases": [{"kind": "etcd", "seconds": 5}], "force": True})
    assert "0.0 GiB free" in small or "read-only" in small


@pytest.mark.parametrize("title", ["etcd", "/usr/local/bin/k3s server"])
def test_a_running_datastore_is_not_disturbed(tmp_path: Path, title: str) -> None:
    """A process of that name is enough. K3s's title is one word with a space, because it hides its arguments."""
    with subprocess.Popen([title, "30"], executable="/bin/sleep") as datastore:
        try:
            reason = refusal({"path": str(tmp_path), "phases": [{"kind": "etcd", "seconds": 5}]})
        finally:
            datastore.kill()
    assert "etcd-latency" in reason
    assert "--force" in reason
