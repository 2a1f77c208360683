"""The lab host on which runs are timed, and its state before each run."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from skerry import lab
from skerry.bench.speed.link import Link
from skerry.bench.speed.recording import PATCH, STAGE, Recording
from skerry.bench.speed.timing import timed
from skerry.facts.hardening import Hardening, parse
from skerry.lab.inventory import write_inventory
from skerry.local.paths import PROJECT
from skerry.model.errors import InputError
from skerry.model.hardening.host_context import HostContext
from skerry.model.k3s.versions import K3sVersion
from skerry.model.settings.settings import Settings, parse_settings
from skerry.phases.hardening_plan import HardeningPlan, values_to_read

NAME = "speed-1"
# The newest minor that accepts cgroup v1, which containers share with this machine.
DOUBLE_VERSION = "v1.34.3+k3s1"
K3S_MIB = 60  # size of a K3s release
RUNNER = "import pyinfra_cli, runpy\n{patch}\nrunpy.run_module('skerry.runner.engine', run_name='__main__')"
K3S_DEPLOY, HOST_DEPLOY = "deploy/k3s.py", "skerry/bench/speed/host_deploy.py"
# The hosts of one container share files, so settings that differ between them or between the roles are off.
SETTINGS: dict[str, object] = {
    "reboot_window": "",
    "k3s_protect_kernel_defaults": False,
    "disk_measure": False,
}
AGENT = {"harden_exceptions": {"FW-01": {"reason": "the server's rules are in place", "until": "2099-01-01"}}}


class SpeedLab:
    """A lab host whose SSH servers appear as several hosts, and the files of the measurement in `folder`.

    `k3s_version`: of the real K3s in the air-gap folder, or "" for the test double. `plan`: set by `record`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.k3s_version = newest_k3s()
        self.artifacts = PROJECT / "artifacts"
        if not self.k3s_version:
            self.artifacts = folder / "artifacts"
            build_double(self.artifacts)
        [self.host] = lab.up(backend="nspawn", names=[NAME])
        self.hosts = [self.host]
        self.recording = Recording([], [])
        self.plan: HardeningPlan

    def target(self, links: Sequence[Link] = ()) -> list[str]:
        """Returns inventory and deploy script of a run through these links, or directly to the first host."""
        hosts = self.hosts[: len(links)] or [self.host]
        inventory = self.inventory(hosts, [link.settings(self.folder) for link in links])
        return [str(inventory), K3S_DEPLOY if len(hosts) == 1 else HOST_DEPLOY]

    def deploy(self, patch: str = "", links: Sequence[Link] = ()) -> None:
        """Run the deploy. `patch`: Python code that the runner's process executes first."""
        runner = [sys.executable, "-c", RUNNER.format(patch=patch), "run", *self.target(links)]
        timed(runner, SKERRY_HOME=str(self.folder / "home"))

    def record(self) -> None:
        """Record a deploy to the fresh host. Then reset it, and keep a snapshot "stocked" with all package archives."""
        record = self.folder / "record.jsonl"
        self.deploy(PATCH.format(record=str(record)))
        self.recording = Recording.read(record, lab.run(NAME, "sort -u /var/lib/skerry/packages").stdout)
        host_context = HostContext("server", self._settings(), 0, ())
        output = lab.run(NAME, Hardening().command(values_to_read(host_context))).stdout.splitlines()
        self.plan = HardeningPlan(host_context, parse(output))
        archives = self.folder / "packages.tar"
        tar = [*lab.ssh_command(NAME), "tar -C / -c var/lib/apt/lists var/cache/apt/archives"]
        archives.write_bytes(subprocess.run(tar, stdout=subprocess.PIPE, check=True).stdout)
        self.host = lab.reset(NAME)
        self._unpack(archives, "/")
        stage = self.folder / "stage"
        stage.mkdir()
        self.recording.stage(stage)
        subprocess.run(["tar", "-C", str(stage), "-cf", str(self.folder / "stage.tar"), "."], check=True)
        self._unpack(self.folder / "stage.tar", STAGE)
        # Ansible's apt module needs python3-apt, and cannot install it under mitogen. Cloud images contain it.
        lab.run(NAME, "DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes python3-apt")
        lab.snapshot(NAME, "stocked")

    def _settings(self) -> Settings:
        """The lab host's settings, as the runner evaluates the inventory."""
        show = [sys.executable, "-m", "skerry.runner.engine", "show", str(self.inventory([self.host]))]
        shown = subprocess.run(show, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
        data = json.loads(shown)["hosts"][NAME]
        return parse_settings(NAME, data, ignored=[key for key in data if key.startswith("ssh_")])

    def _unpack(self, tar: Path, folder: str) -> None:
        command = [*lab.ssh_command(NAME), f"mkdir -p {folder} && tar -C {folder} -x -f -"]
        with tar.open("rb") as source:
            subprocess.run(command, stdin=source, check=True)

    def start_hosts(self, count: int) -> None:
        """Start SSH servers with hostnames and machine-ids of their own until there are `count` hosts."""
        for number in range(len(self.hosts), count):
            name = f"speed-{number + 1}"
            identity = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
            script = (
                f"hostname {name}; echo {identity} > /run/{name}; mount --bind /run/{name} /etc/machine-id; "
                f"exec /usr/sbin/sshd -D -p {2200 + number}"
            )
            lab.run(NAME, f"systemd-run --quiet --unit={name} unshare --uts --mount sh -c '{script}'")
            self.hosts.append(replace(self.host, name=name, port=2200 + number))

    def settle(self, links: Sequence[Link]) -> None:
        """Deploy to these hosts, and add what that run writes, such as the list of members, to the recording."""
        record = self.folder / "again.jsonl"
        record.write_text("")  # a run that changes nothing writes no record
        self.deploy(PATCH.format(record=str(record)), links)
        again = Recording.read(record, "").lines
        self.recording = replace(self.recording, lines=[*self.recording.lines, *again])

    def inventory(self, hosts: Sequence[lab.LabHost], settings: Sequence[dict[str, object]] = ()) -> Path:
        """Write an inventory of these hosts: the first is a server, the others are agents."""
        folder = self.folder / "inventory"
        common = {
            **SETTINGS,
            "k3s_version": self.k3s_version or DOUBLE_VERSION,
            "artifact_delivery": "push",
            "artifact_folder": str(self.artifacts),
            "artifact_lock": str(folder / "artifacts.lock.yaml"),
        }
        first, *others = zip(hosts, settings or [{}] * len(hosts), strict=True)
        servers = [(first[0], {**common, **first[1]})]
        agents = [(host, {**common, **AGENT, **own}) for host, own in others]
        return write_inventory(folder, servers, agents)

    @contextmanager
    def links(self, count: int, delay_ms: float) -> Iterator[list[Link]]:
        """Yield a link to each of the first `count` hosts, and close the links at the end."""
        links = [Link(host, delay_ms / 1000) for host in self.hosts[:count]]
        try:
            yield links
        finally:
            for link in links:
                link.close()


def newest_k3s() -> str:
    """Returns the newest version of K3s in the air-gap folder; "" if there is none."""
    names = [path.parent.name for path in (PROJECT / "artifacts" / "k3s").glob("*/k3s")]
    return max(names, key=K3sVersion.parse, default="")


def build_double(folder: Path) -> None:
    """Build the test double of K3s in `folder`. Raises InputError where the checkout has no tests."""
    if not (PROJECT / "tests" / "doubles" / "make_artifacts.py").exists():
        raise InputError(
            "bench-speed needs a K3s; run `invoke artifacts-fetch INVENTORY`, or start it in a whole checkout, "
            "which has a test double in tests/doubles/"
        )
    command = [sys.executable, "-m", "tests.doubles.make_artifacts", DOUBLE_VERSION, str(folder)]
    subprocess.run([*command, "--pad-mib", str(K3S_MIB)], cwd=PROJECT, stdout=subprocess.PIPE, check=True)
