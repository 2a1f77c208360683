"""A run that is killed, disconnected or interrupted leaves no incomplete file, and the next run completes it."""

from __future__ import annotations

import select
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from skerry import lab
from skerry.bench.speed.link import Link
from tests.lab.conftest import PAD_MIB, Run, Start, WriteInventory
from tests.lab.runs import VERSION, Result, Running, write_inventory

BINARY, LINK = f"/usr/local/lib/k3s/{VERSION}/k3s", "/usr/local/bin/k3s"
TOKENS, CONFIG = ("/etc/rancher/k3s/token", "/etc/rancher/k3s/agent-token"), "/etc/rancher/k3s/config.yaml"
UNIT = "/etc/systemd/system/k3s.service"
FILES = (
    "/etc/fstab",
    "/etc/systemd/timesyncd.conf.d/skerry.conf",
    "/etc/systemd/system/systemd-timesyncd.service.d/skerry.conf",
    "/etc/modules-load.d/k3s.conf",
    "/etc/sysctl.d/90-k3s.conf",
    "/etc/sysctl.d/90-kubelet.conf",
    BINARY,
    *TOKENS,
    f"{LINK}-killall.sh",
    f"{LINK}-uninstall.sh",
    CONFIG,
    UNIT,
    f"{UNIT}.env",
)
"""Every file that a run writes, except by hardening, which tests/lab/hardening interrupts."""
WRITTEN_BY_K3S = "/etc/rancher/k3s/k3s.yaml"
HARDENING = ("SSH", "Firewall", "System")

STAMP, IMMEDIATELY = "/run/stamp", "true"
INSTALL, START = f"K3s | Install k3s {VERSION}", "K3s | Start K3s and wait for a Ready node"
IMPATIENCE = (
    "import skerry.runner.keepalive as k; "
    "k.OPTIONS.update(TCP_USER_TIMEOUT=2000, TCP_KEEPIDLE=1, TCP_KEEPINTVL=1)"
)
"""Patch: the engine considers a connection lost after 2 s of silence instead of half a minute."""


@dataclass(frozen=True)
class Moment:
    """A moment of a run: an event of the journal, then a shell condition that holds on the host."""

    event: str
    operation: str | None = None
    condition: str = IMMEDIATELY


def uploaded(mib: int) -> Moment:
    """More than so much of the binary has arrived in this run; the remains of an earlier run are older than STAMP."""
    part = f"$(ls {BINARY}.*.part 2>/dev/null)"
    arrived = f'[ "{part}" -nt {STAMP} ] && [ "$(stat -c %s "{part}")" -gt {mib * 1024**2} ]'
    return Moment("start", INSTALL, arrived)


STARTING = Moment("start", START, "systemctl show k3s -p ActiveState | grep -q =activating")
KILLED = {
    "in preflight": Moment("host"),
    "between phases": Moment("end", "Kernel | Load modules and apply sysctls"),
    "a quarter uploaded": uploaded(PAD_MIB // 4),
    "three quarters uploaded": uploaded(PAD_MIB * 3 // 4),
    "right after the rename": Moment("start", INSTALL, f"[ -e {BINARY} ]"),
    "making the token": Moment("start", "K3s | Create the cluster's tokens"),
    "between config and unit": Moment("start", "K3s | Write configuration", f"[ -e {CONFIG} ]"),
    "right after the restart": STARTING,
    "waiting for a Ready node": Moment("start", START, "systemctl is-active --quiet k3s"),
}


def run_until(host: lab.LabHost, moment: Moment, start: Start, path: Path, **options: str) -> Running:
    """Start a run and wait until it reaches the moment."""
    watch = (
        f"touch {STAMP}; echo ready; read go; until {moment.condition}; do sleep 0.01; done > /dev/null 2>&1"
    )
    argv = [*lab.ssh_command(host.name), f"{watch}; echo reached"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdin is not None
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "ready\n"
        running = start(path, **options)
        running.reach(moment.event, moment.operation)
        if moment.condition != IMMEDIATELY:
            watcher.stdin.write("go\n")
            watcher.stdin.flush()
            assert select.select([watcher.stdout], [], [], 60)[0], f"{moment.condition} did not come"
        watcher.kill()
        return running


def files_on(host: lab.LabHost) -> dict[str, str]:
    """Mode, owner and checksum of every file, and the target of every link, that a run writes.

    Tokens are random: instead of a checksum there is whether they are one line of 64 hexadecimal digits.
    """
    script = (
        f"for file in {' '.join(FILES)}; do "
        '[ -e "$file" ] || continue; case "$file" in *token) '
        'content="$(wc -l < "$file") line, $(grep -Ecx "[0-9a-f]{64}" "$file") whole";; '
        '*) content=$(sha256sum < "$file");; esac; '
        'echo "$file $(stat -c %a:%U:%G "$file") $content"; done; '
        "for name in k3s kubectl crictl ctr; do link=/usr/local/bin/$name; "
        '[ ! -L $link ] || echo "$link $(readlink $link)"; done'
    )
    return dict(line.split(" ", 1) for line in lab.run(host.name, script).stdout.splitlines())


def node_is_ready(host: lab.LabHost) -> bool:
    return " Ready " in lab.run(host.name, "k3s kubectl get nodes --no-headers", check=False).stdout


@pytest.fixture(scope="module")
def complete(prepared: str, artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of a run that was not interrupted."""
    host, folder = lab.restore(prepared, "prepared"), tmp_path_factory.mktemp("complete")
    result = Running(write_inventory(folder, host, artifacts, {}), "deploy/k3s.py", folder / "home").finish()
    assert result.code == 0, result.stderr
    files = files_on(host)
    assert set(FILES) | {LINK} <= set(files)
    steps = [line["operation"].partition(" | Write ") for line in result.journal if line["event"] == "end"]
    assert {path for phase, _, path in steps if path[:1] == "/" and phase not in HARDENING} <= set(FILES)
    # K3s's files are written by one operation, which does not name them.
    installed = lab.run(host.name, f"find /etc/rancher/k3s {UNIT}* {LINK}-* -type f").stdout.split()
    assert set(installed) - {WRITTEN_BY_K3S} <= set(FILES)
    assert {files[token] for token in TOKENS} == {"600:root:root 1 line, 1 whole"}
    return files


def assert_completes(host: lab.LabHost, run: Run, path: Path, complete: dict[str, str]) -> Result:
    """Assert that the next run completes the node and the one after it changes nothing. Returns the first of them."""
    completing = run(path)
    assert completing.code == 0, completing.stderr
    assert files_on(host) == complete
    assert node_is_ready(host)
    again = run(path)
    assert (again.code, again.changed) == (0, []), again.stderr
    return completing


@pytest.mark.parametrize("moment", KILLED.values(), ids=KILLED.keys())
def test_a_killed_run_leaves_whole_files_and_the_next_completes_it(
    moment: Moment,
    host: lab.LabHost,
    inventory: WriteInventory,
    start: Start,
    run: Run,
    complete: dict[str, str],
) -> None:
    path = inventory(host)
    run_until(host, moment, start, path).kill()
    assert files_on(host).items() <= complete.items()
    assert_completes(host, run, path, complete)


def test_an_interrupted_upload_is_resumed(
    host: lab.LabHost, inventory: WriteInventory, start: Start, run: Run, tmp_path: Path
) -> None:
    run_until(host, uploaded(PAD_MIB * 3 // 4), start, inventory(host)).kill()
    link = Link(host)
    completing = run(inventory(host, **link.settings(tmp_path)))
    link.close()
    assert completing.code == 0, completing.stderr
    assert link.bytes < PAD_MIB * 1024**2 / 2
    assert lab.run(host.name, f"ls {BINARY}.*.part", check=False).stdout == ""


Mishap = Callable[[lab.LabHost, Running], Result]


def press_ctrl_c(host: lab.LabHost, running: Running) -> Result:
    running.interrupt()
    return running.finish(5)


def lose(hit: Callable[[str], object], repair: Callable[[str], object] | None = None) -> Mishap:
    """Take the host away from the run by `hit`, and bring it back by `repair` after the run has ended."""

    def mishap(host: lab.LabHost, running: Running) -> Result:
        with running.frozen():
            hit(host.name)
        try:
            return running.finish(20)
        finally:
            if repair:
                repair(host.name)

    return mishap


MISHAPS: dict[str, tuple[Mishap, int, str]] = {
    "Ctrl-C": (press_ctrl_c, 130, "interrupted; run it again to go on"),
    "cable cut": (lose(lab.cut, lab.mend), 1, "the connection was lost"),
    "power cut": (lose(lab.power_off, lab.start), 1, "the connection was lost"),
    "reboot": (lose(lab.reboot), 1, "the connection was lost"),
}


@pytest.mark.parametrize("moment", [uploaded(PAD_MIB // 2), STARTING], ids=["uploading", "waiting"])
def test_a_mishap_ends_a_run_within_seconds_with_one_line_and_the_next_run_completes_it(
    moment: Moment,
    host: lab.LabHost,
    inventory: WriteInventory,
    start: Start,
    run: Run,
    complete: dict[str, str],
) -> None:
    for number, (name, (mishap, code, words)) in enumerate(MISHAPS.items()):
        path = inventory(host, max_pods=50 + number)  # a new value, so that each run starts K3s
        result = mishap(host, run_until(host, moment, start, path, patch=IMPATIENCE))
        assert (result.code, words in result.stderr) == (code, True), (
            f"{name}: {result.code}: {result.stderr[-600:]}"
        )
        assert "Traceback" not in result.stderr
    assert_completes(host, run, inventory(host), complete)


def test_the_second_of_two_simultaneous_runs_is_refused_and_the_first_continues(
    host: lab.LabHost, inventory: WriteInventory, start: Start, run: Run
) -> None:
    path = inventory(host)
    first = run_until(host, Moment("start", INSTALL), start, path)
    second = run(path, seconds=20)
    assert (second.code, second.stdout, second.journal) == (1, "", [])
    assert second.stderr == "another run is changing harbour; wait for it to end\n"
    result = first.finish()
    assert result.code == 0, result.stderr
    assert node_is_ready(host)


PACKAGES = "Packages | Install missing packages"
SWAP = "/swapfile none swap sw 0 0"
SWAP_OFF = f"# Skerry: swap stays off: {SWAP}"


def test_a_fresh_host_is_prepared_despite_kills_and_a_power_cut(
    fresh_host: lab.LabHost, inventory: WriteInventory, start: Start, run: Run
) -> None:
    """apt continues in the shell of a killed run; a power cut interrupts dpkg."""
    host, path = fresh_host, inventory(fresh_host)
    lab.run(host.name, f"echo '{SWAP}' >> /etc/fstab")
    prepare = {"deploy": "deploy/prepare.py"}
    updating = Moment("start", PACKAGES, "pgrep -x http")
    run_until(host, updating, start, path, **prepare).kill()
    unpacking = Moment("start", PACKAGES, "ls /var/lib/dpkg/updates | grep -q .")
    running = run_until(host, unpacking, start, path, **prepare)
    lab.power_off(host.name)
    running.kill()
    lab.start(host.name)
    assert lab.run(host.name, "dpkg --audit; ls /var/lib/dpkg/updates").stdout != ""
    run_until(host, Moment("start", "Swap | Keep swap off at boot"), start, path, **prepare).kill()
    assert lab.run(host.name, "tail -n 1 /etc/fstab").stdout.strip() in (SWAP, SWAP_OFF)
    completing = run(path, **prepare)
    assert completing.code == 0, completing.stderr
    assert lab.run(host.name, "dpkg --audit; tail -n 1 /etc/fstab").stdout.strip() == SWAP_OFF
    lab.run(
        host.name,
        "curl --version && iptables --version && socat -V && conntrack --version && ipset --version",
    )
    again = run(path, **prepare)
    assert (again.code, again.changed) == (0, []), again.stderr
