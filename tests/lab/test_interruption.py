"""A run that is killed, cut off or interrupted anywhere leaves whole files or none; the next run completes it."""

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
"""Every path at which a run leaves a file, but for the hardening's: tests/lab/hardening interrupts that."""
HARDENING = ("SSH", "Firewall", "System")

MARK, NOW = "/run/mark", "true"
INSTALL, START = f"K3s | Install k3s {VERSION}", "K3s | Start K3s and wait for a Ready node"
HASTE = "import skerry.runner.keepalive as c; c.OPTIONS.update(TCP_USER_TIMEOUT=2000, TCP_KEEPIDLE=1, TCP_KEEPINTVL=1)"
"""The engine takes 2 s of silence for a lost connection; outside of tests it waits for half a minute."""


@dataclass(frozen=True)
class Moment:
    """When to strike: at an event of the journal, or from then on, when a shell condition is true on the host."""

    event: str
    operation: str | None = None
    condition: str = NOW


def uploaded(mib: int) -> Moment:
    """So much of the binary has arrived in this run; what an earlier one has left is older than the mark."""
    part = f"$(ls {BINARY}.*.part 2>/dev/null)"
    seen = f'[ "{part}" -nt {MARK} ] && [ "$(stat -c %s "{part}")" -gt {mib * 1024**2} ]'
    return Moment("start", INSTALL, seen)


STARTING = Moment("start", START, "systemctl show k3s -p ActiveState | grep -q =activating")
KILLED = {
    "in preflight": Moment("host"),
    "between phases": Moment("end", "Kernel | Load modules and apply sysctls"),
    "a quarter uploaded": uploaded(PAD_MIB // 4),
    "three quarters uploaded": uploaded(PAD_MIB * 3 // 4),
    "right after the rename": Moment("start", INSTALL, f"[ -e {BINARY} ]"),
    "making the token": Moment("start", "K3s | Create the cluster's tokens"),
    "between config and unit": Moment("end", f"K3s | Write {CONFIG}"),
    "right after the restart": STARTING,
    "waiting for a Ready node": Moment("start", START, "systemctl is-active --quiet k3s"),
}


def strike(host: lab.LabHost, moment: Moment, start: Start, path: Path, **options: str) -> Running:
    """A run that has just reached the moment."""
    watch = (
        f"touch {MARK}; echo ready; read go; until {moment.condition}; do sleep 0.01; done > /dev/null 2>&1"
    )
    argv = [*lab.ssh_command(host.name), f"{watch}; echo seen"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdin is not None
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "ready\n"
        running = start(path, **options)
        running.reach(moment.event, moment.operation)
        if moment.condition != NOW:
            watcher.stdin.write("go\n")
            watcher.stdin.flush()
            assert select.select([watcher.stdout], [], [], 60)[0], f"{moment.condition} did not come"
        watcher.kill()
        return running


def left(host: lab.LabHost) -> dict[str, str]:
    """What a run has left under final names: mode, owner and checksum of files, targets of links.

    Every cluster's tokens are others, so that of them only the form counts: one line, 64 hexadecimal digits.
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
    """What an undisturbed run leaves."""
    host, folder = lab.restore(prepared, "prepared"), tmp_path_factory.mktemp("complete")
    result = Running(write_inventory(folder, host, artifacts, {}), "deploy/k3s.py", folder / "home").finish()
    assert result.code == 0, result.stderr
    found = left(host)
    assert set(FILES) | {LINK} <= set(found)
    steps = [line["operation"].partition(" | Write ") for line in result.journal if line["event"] == "end"]
    assert {path for phase, _, path in steps if path and phase not in HARDENING} <= set(FILES)
    assert {found[token] for token in TOKENS} == {"600:root:root 1 line, 1 whole"}
    return found


def assert_completes(host: lab.LabHost, run: Run, path: Path, complete: dict[str, str]) -> Result:
    """The next run completes the node, and the one after it changes nothing. Returns the completing one."""
    completing = run(path)
    assert completing.code == 0, completing.stderr
    assert left(host) == complete
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
    strike(host, moment, start, path).kill()
    assert left(host).items() <= complete.items()
    assert_completes(host, run, path, complete)


def test_an_upload_that_was_cut_goes_on_where_it_ended(
    host: lab.LabHost, inventory: WriteInventory, start: Start, run: Run, tmp_path: Path
) -> None:
    strike(host, uploaded(PAD_MIB * 3 // 4), start, inventory(host)).kill()
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


def lose(hit: Callable[[str], object], mend: Callable[[str], object] | None = None) -> Mishap:
    """The run loses its host by `hit`; `mend` brings it back after the run has ended."""

    def mishap(host: lab.LabHost, running: Running) -> Result:
        with running.frozen():
            hit(host.name)
        try:
            return running.finish(20)
        finally:
            if mend:
                mend(host.name)

    return mishap


MISHAPS: dict[str, tuple[Mishap, int, str]] = {
    "Ctrl-C": (press_ctrl_c, 130, "interrupted; run it again to go on"),
    "cable cut": (lose(lab.cut, lab.mend), 1, "the connection was lost"),
    "power cut": (lose(lab.power_off, lab.start), 1, "the connection was lost"),
    "reboot": (lose(lab.reboot), 1, "the connection was lost"),
}


@pytest.mark.parametrize("moment", [uploaded(PAD_MIB // 2), STARTING], ids=["uploading", "waiting"])
def test_mishaps_end_a_run_in_seconds_with_a_plain_line_and_the_next_run_completes_it(
    moment: Moment,
    host: lab.LabHost,
    inventory: WriteInventory,
    start: Start,
    run: Run,
    complete: dict[str, str],
) -> None:
    for number, (name, (mishap, code, words)) in enumerate(MISHAPS.items()):
        path = inventory(host, max_pods=50 + number)  # another number each time: each time K3s is started
        result = mishap(host, strike(host, moment, start, path, patch=HASTE))
        assert (result.code, words in result.stderr) == (code, True), (
            f"{name}: {result.code}: {result.stderr[-600:]}"
        )
        assert "Traceback" not in result.stderr
    assert_completes(host, run, inventory(host), complete)


def test_the_second_of_two_runs_at_once_is_turned_away_and_the_first_goes_on(
    host: lab.LabHost, inventory: WriteInventory, start: Start, run: Run
) -> None:
    path = inventory(host)
    first = strike(host, Moment("start", INSTALL), start, path)
    second = run(path, seconds=20)
    assert (second.code, second.stdout, second.journal) == (1, "", [])
    assert second.stderr == "another run is changing harbour; wait for it to end\n"
    finished = first.finish()
    assert finished.code == 0, finished.stderr
    assert node_is_ready(host)


PACKAGES = "Packages | Install missing packages"
SWAP = "/swapfile none swap sw 0 0"
SWAP_OFF = f"# Skerry: swap stays off: {SWAP}"


def test_a_fresh_host_is_prepared_in_spite_of_kills_and_a_power_cut(
    fresh_host: lab.LabHost, inventory: WriteInventory, start: Start, run: Run
) -> None:
    """apt goes on in the shell of a killed run; a power cut leaves dpkg in the middle of things."""
    host, path = fresh_host, inventory(fresh_host)
    lab.run(host.name, f"echo '{SWAP}' >> /etc/fstab")
    prepare = {"deploy": "deploy/prepare.py"}
    updating = Moment("start", PACKAGES, "pgrep -x http")
    strike(host, updating, start, path, **prepare).kill()
    unpacking = Moment("start", PACKAGES, "ls /var/lib/dpkg/updates | grep -q .")
    running = strike(host, unpacking, start, path, **prepare)
    lab.power_off(host.name)
    running.kill()
    lab.start(host.name)
    assert lab.run(host.name, "dpkg --audit; ls /var/lib/dpkg/updates").stdout != ""
    strike(host, Moment("start", "Swap | Keep swap off at boot"), start, path, **prepare).kill()
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
