"""How long runs take: Skerry's, Ansible's for the same operations on the same hosts, and the least there could be.

    invoke bench-speed                                                  # the whole table, about an hour
    invoke bench-speed --hosts 1 --delays 0,25 --rounds 3 --no-fresh    # minutes

One nspawn lab host is booted, and K3s's stand-in installed. Hosts beyond the first are further sshds of the same
container, each with a hostname and machine-id of its own: what a no-op run costs on the far side is the same, and so
is everything on this side. One host walks the whole road; several the host part and hardening. Ansible does the same
in its words (playbook.py): files are taken from a recorded run. It comes from PyPI into a virtual environment of its
own. Contenders take turns within each round.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from skerry import lab
from skerry.bench.speed import playbook
from skerry.bench.speed.link import Link
from skerry.bench.speed.recording import PATCH, STAGE, Recording
from skerry.facts.hardening import Hardening, parse
from skerry.lab.folder import current_lab
from skerry.local.paths import PROJECT
from skerry.local.tables import new_table
from skerry.model.hardening.host_context import HostContext
from skerry.model.settings.settings import Settings, parse_settings
from skerry.phases.hardening_plan import Plan, places
from tests.doubles import make_artifacts
from tests.lab.runs import ENGINE, VERSION, take_down, write_hosts

NAME = "speed-1"
FLAVOURS = ("pipelining", "mitogen")
ANSIBLE = ("ansible-core==2.17.*", "mitogen==0.3.*")
EXECUTIONS = 6  # the bar for a run that changes nothing; it takes 1, which tests/lab guards
PAD_MIB = 60  # K3s's size
# Hosts of one container share their files: what differs from host to host, and from a server to an agent, is off.
SETTINGS: dict[str, object] = {"reboot_window": ""}
AGENT = {"harden_exceptions": {"FW-01": {"reason": "the server's rules are in place", "until": "2099-01-01"}}}
ROAD, WALK = "deploy/k3s.py", "skerry/bench/speed/walk.py"


@dataclass(frozen=True)
class Cost:
    """Seconds of a run, the most memory that one of its processes had in MiB, and what it said."""

    seconds: float
    mib: float
    said: str

    @property
    def changed(self) -> bool:
        """Whether it says, in Skerry's or Ansible's words, that it changed a host."""
        return bool(re.search(r"to change: |\bchanged=[1-9]", self.said))


Contender = Callable[[], Cost]


METER = """
import os, sys, time
begun = time.monotonic()
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
with open(sys.argv[1], "w") as file:
    print(time.monotonic() - begun, usage.ru_maxrss / 1024, file=file)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Starts a command from a small process: the kernel counts the starter's memory as the command's."""


def timed(command: Sequence[str], **environment: str) -> Cost:
    """Run a command. Ends the measurement with its last words if it fails."""
    with tempfile.TemporaryFile() as said, tempfile.NamedTemporaryFile("r") as cost:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", METER, cost.name, *command],
            cwd=PROJECT, env={**os.environ, **environment}, stdout=said, stderr=said, stdin=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip
        said.seek(0)
        words = said.read().decode()
        if done.returncode:
            raise SystemExit(f"{' '.join(command)[:200]} failed:\n{words[-3000:]}")
        seconds, mib = map(float, cost.read().split())
    return Cost(seconds, mib, words)


class Scene:
    """The lab host, its further doors, and what contenders need in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.artifacts = folder / "artifacts"
        make_artifacts.build(VERSION, self.artifacts, pad_mib=PAD_MIB)
        [self.host] = lab.up(backend="nspawn", names=[NAME])
        self.recording = Recording([], [])
        self.doors = [self.host]
        self.plan: Plan

    def target(self, opened: Sequence[Link] = ()) -> list[str]:
        """The inventory and the deploy of a run through these links, or straight to the first host."""
        doors = self.doors[: len(opened)] or [self.host]
        inventory = self.inventory(doors, [each.settings(self.folder) for each in opened])
        return [str(inventory), ROAD if len(doors) == 1 else WALK]

    def walk(self, patch: str = "", opened: Sequence[Link] = ()) -> None:
        """A run that brings everything in place."""
        engine = [sys.executable, "-c", ENGINE.format(patch=patch), "run", *self.target(opened)]
        timed(engine, SKERRY_HOME=str(self.folder / "home"))

    def settings(self) -> Settings:
        """The lab host's settings, as the runner evaluates the inventory."""
        show = [sys.executable, "-m", "skerry.runner.engine", "show", str(self.inventory([self.host]))]
        shown = subprocess.run(show, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
        data = json.loads(shown)["hosts"][NAME]
        return parse_settings(NAME, data, ignored=[key for key in data if key.startswith("ssh_")])

    def record(self) -> None:
        """Walk the road on the fresh host, noting what is done; then keep a fresh host that has packages at hand."""
        record = self.folder / "record.jsonl"
        self.walk(PATCH.format(record=str(record)))
        self.recording = Recording.read(record, lab.run(NAME, "sort -u /var/lib/skerry/packages").stdout)
        host_context = HostContext("server", self.settings(), 0, ())
        output = lab.run(NAME, Hardening().command(places(host_context))).stdout.splitlines()
        self.plan = Plan(host_context, parse(output))
        keep = "tar -C / -c var/lib/apt/lists var/cache/apt/archives"
        packages = self.folder / "packages.tar"
        packages.write_bytes(
            subprocess.run([*lab.ssh_command(NAME), keep], stdout=subprocess.PIPE, check=True).stdout
        )
        self.host = lab.reset(NAME)
        self.send(packages, "/")
        stage = self.folder / "stage"
        stage.mkdir()
        self.recording.stage(stage)
        subprocess.run(["tar", "-C", str(stage), "-cf", str(self.folder / "stage.tar"), "."], check=True)
        self.send(self.folder / "stage.tar", STAGE)
        # Cloud images bring it. Ansible's apt module wants it, and cannot get it by itself under mitogen.
        lab.run(NAME, "DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes python3-apt")
        lab.snapshot(NAME, "stocked")

    def send(self, tar: Path, where: str) -> None:
        command = [*lab.ssh_command(NAME), f"mkdir -p {where} && tar -C {where} -x -f -"]
        with tar.open("rb") as source:
            subprocess.run(command, stdin=source, check=True)

    def open_doors(self, count: int) -> None:
        """As many hosts as asked for: the first is the host itself."""
        for number in range(len(self.doors), count):
            name = f"speed-{number + 1}"
            identity = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
            script = (
                f"hostname {name}; echo {identity} > /run/{name}; mount --bind /run/{name} /etc/machine-id; "
                f"exec /usr/sbin/sshd -D -p {2200 + number}"
            )
            lab.run(NAME, f"systemd-run --quiet --unit={name} unshare --uts --mount sh -c '{script}'")
            self.doors.append(replace(self.host, name=name, port=2200 + number))

    def settle(self, opened: Sequence[Link]) -> None:
        """Bring these hosts in place; what that run writes, such as who is a member, Ansible is to write, too."""
        record = self.folder / "again.jsonl"
        record.write_text("")  # where nothing is to be done, nothing is noted
        self.walk(PATCH.format(record=str(record)), opened)
        again = Recording.read(record, "").lines
        self.recording = replace(self.recording, lines=[*self.recording.lines, *again])

    def inventory(self, hosts: Sequence[lab.LabHost], settings: Sequence[dict[str, object]] = ()) -> Path:
        """An inventory of these hosts, the first a server, the rest agents."""
        pairs = zip(hosts, settings or [{}] * len(hosts), strict=True)
        whole = [
            (each, {**SETTINGS, **(AGENT if number else {}), **more})
            for number, (each, more) in enumerate(pairs)
        ]
        return write_hosts(self.folder / "inventory", self.artifacts, whole[:1], whole[1:])


@contextmanager
def links(scene: Scene, hosts: int, delay_ms: float) -> Iterator[list[Link]]:
    """A link to each of so many hosts."""
    opened = [Link(door, delay_ms / 1000) for door in scene.doors[:hosts]]
    try:
        yield opened
    finally:
        for each in opened:
            each.close()


def contenders(
    scene: Scene, opened: Sequence[Link], against: Sequence[str], fresh: bool
) -> dict[str, Contender]:
    """Who runs on these links, by name."""
    doors = scene.doors[: len(opened)]
    engine = [sys.executable, "-m", "skerry.runner.engine", "run", *scene.target(opened)]
    config = ssh_config(scene, opened)
    found: dict[str, Contender] = {
        "Skerry": lambda: timed(engine, SKERRY_HOME=str(scene.folder / "home")),
    }
    true = " && ".join([f"ssh -F {config} {doors[0].name} true"] * EXECUTIONS)
    if len(doors) == 1 and not fresh:
        found[f"{EXECUTIONS} x ssh host true"] = lambda: timed(["sh", "-c", true])
    if fresh:
        found["shell script"] = lambda: timed(
            ["ssh", "-F", str(config), doors[0].name, f"sh {STAGE}/script.sh"]
        )
    for name in against:
        found[f"Ansible, {name}"] = _ansible(scene, name, config, [door.name for door in doors])
    return found


def ssh_config(scene: Scene, opened: Sequence[Link]) -> Path:
    """OpenSSH's view of the links."""
    path = scene.folder / "ssh_config"
    entries = [
        f"Host {door.name}\n  HostName 127.0.0.1\n  Port {link.port}\n  User root\n  IdentityFile {door.key}\n"
        f"  UserKnownHostsFile {link.settings(scene.folder)['ssh_known_hosts_file']}\n  LogLevel ERROR\n"
        "  StrictHostKeyChecking yes\n  BatchMode yes\n  IdentitiesOnly yes\n"
        for door, link in zip(scene.doors, opened, strict=False)
    ]
    path.write_text("\n".join(entries))
    return path


def _ansible(scene: Scene, flavour: str, config: Path, names: Sequence[str]) -> Contender:
    """ansible-playbook with connections of its own each time, as from a scheduled job."""
    site = ansible_site()
    inventory, tasks = scene.folder / "hosts", scene.folder / f"playbook-{len(names)}.json"
    inventory.write_text("\n".join([*names, ""]))
    tasks.write_text(json.dumps(playbook.compose(scene.plan, scene.recording, len(names) == 1, scene.folder)))
    environment = {
        "ANSIBLE_SSH_ARGS": f"-F {config} -C -o ControlMaster=auto -o ControlPersist=60s",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_FORKS": "20",
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        "ANSIBLE_LOCALHOST_WARNING": "False",
    }
    if flavour == "mitogen":
        [plugins] = site.glob("lib/python*/site-packages/ansible_mitogen/plugins/strategy")
        environment |= {"ANSIBLE_STRATEGY_PLUGINS": str(plugins), "ANSIBLE_STRATEGY": "mitogen_linear"}

    def run() -> Cost:
        with tempfile.TemporaryDirectory(prefix="cp-") as sockets:
            command = [str(site / "bin" / "ansible-playbook"), "-i", str(inventory), str(tasks)]
            return timed(command, **environment, ANSIBLE_SSH_CONTROL_PATH_DIR=sockets)

    return run


def ansible_site() -> Path:
    """The virtual environment with Ansible, made at first use."""
    site = current_lab().root / "ansible"
    if not (site / "bin" / "ansible-playbook").exists():
        venv.create(site, with_pip=True)
        subprocess.run([str(site / "bin" / "pip"), "install", "--quiet", *ANSIBLE], check=True)
    return site


def measure(
    rounds: int, who: dict[str, Contender], before: Callable[[], object] = lambda: None
) -> dict[str, list[Cost]]:
    """Each contender once per round, in turns and the other way round in every second one, after `before`.

    What was written before, by others too, is on the disk by then: nobody pays for it.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in who}
    for number in range(rounds):
        for name in list(who)[:: -1 if number % 2 else 1]:
            before()
            os.sync()
            costs[name].append(who[name]())
    return costs


def _insist_on_no_change(costs: dict[str, list[Cost]]) -> None:
    for name, runs in costs.items():
        for each in runs:
            if each.changed:
                raise SystemExit(f"{name} changed what it should have found as wanted:\n{each.said[-3000:]}")


def rows(title: tuple[str, str, str], costs: dict[str, list[Cost]]) -> Iterator[tuple[str, ...]]:
    """Medians, and each round's ratio to Skerry's time in the same round: its median, lowest and highest."""
    for name, runs in costs.items():
        seconds = [each.seconds for each in runs]
        ratios = [each.seconds / ours.seconds for each, ours in zip(runs, costs["Skerry"], strict=True)]
        spread = _spread(ratios) if name != "Skerry" else "1"
        mib = max(each.mib for each in runs)
        yield (
            *title,
            name,
            _spread(seconds),
            spread,
            f"{mib:.0f}",
        )


def _spread(values: Sequence[float]) -> str:
    """The median, and below it the range; two decimals below 100, else one."""
    low, middle, high = (
        f"{value:.{1 if value >= 100 else 2}f}" for value in (min(values), median(values), max(values))
    )
    return f"{middle}\n({low}-{high})"


def table(results: Sequence[tuple[str, ...]]) -> Table:
    """The measured rows for people."""
    headings = ("run", "hosts", "ms", "who", "seconds", "times Skerry", "MiB")
    table = new_table(*headings, fold=["who"])
    for row in results:
        table.add_row(*row)
    return table


def run(counts: list[int], delays_ms: list[float], rounds: int, fresh: bool, rivals: list[str]) -> None:
    """Boot, measure, print the table."""
    results: list[tuple[str, ...]] = []
    take_down(NAME)
    with tempfile.TemporaryDirectory(prefix="skerry-speed-") as folder:
        try:
            scene = Scene(Path(folder))
            scene.record()
            if fresh:
                for delay in delays_ms:
                    with links(scene, 1, delay) as opened:
                        who = contenders(scene, opened, rivals, fresh=True)
                        costs = measure(rounds, who, lambda: lab.restore(NAME, "stocked"))
                        results += rows(("fresh", "1", f"{delay:g}"), costs)
            lab.restore(NAME, "stocked")
            scene.walk()
            for count in counts:
                scene.open_doors(count)
                scene.walk()  # the firewall lets the new doors' ports in
                for delay in delays_ms:
                    with links(scene, count, delay) as opened:
                        scene.settle(opened)
                        who = contenders(scene, opened, rivals, fresh=False)
                        measure(1, who)  # nobody pays for the first time
                        costs = measure(rounds, who)
                        _insist_on_no_change(costs)
                        results += rows(("no-op", str(count), f"{delay:g}"), costs)
        finally:
            take_down(NAME)
    Console(highlight=False).print(table(results))
    print("ms: delay each way; seconds: median (lowest-highest) of the rounds")
    print("times Skerry: median (lowest-highest) of each round's ratio")
