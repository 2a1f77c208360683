"""Deploys to throw-away hosts in containers, over real SSH. K3s is the stand-in of tests/doubles.

The hosts belong to the lab of this environment (SKERRY_LAB, else .lab), so that its image is used. Their names are
their own, and other hosts of that lab are left alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from skerry import lab
from skerry.lab import network
from skerry.lab.folder import current_lab
from skerry.local.paths import PROJECT
from tests.doubles import make_artifacts
from tests.lab.mirror import Mirror
from tests.lab.runs import VERSION, Result, Running, write_inventory

NEWER = "v1.34.4+k3s1"
OLDER = "v1.33.9+k3s1"  # another minor: a rollback to it restores the datastore of before the upgrade
PAD_MIB = 32  # an upload of this size takes about a second
PACE = "SKERRY_DOUBLE_START_SECONDS=0.6\nSKERRY_DOUBLE_READY_SECONDS=0.6\n"  # the node is Ready after 1.2 s

WriteInventory = Callable[..., Path]
Run = Callable[..., Result]
Start = Callable[..., Running]


def pytest_collection_finish() -> None:
    """Refuse test modules that import pyinfra.

    gevent would replace subprocess, sockets and threads of this process, which all tests here share.
    """
    if "gevent.monkey" in sys.modules:
        raise pytest.UsageError(
            "a test module imports pyinfra; import something else, or run it in a process of its own"
        )


@pytest.fixture(scope="session")
def names() -> list[str]:
    """The names of two hosts: the first is prepared, the second stays fresh."""
    return ["t1", "t2"]


@pytest.fixture(scope="session")
def lab_hosts(names: list[str]) -> Iterator[dict[str, lab.LabHost]]:
    """Fresh hosts by name, taken down at the end."""
    if os.geteuid() != 0:
        pytest.skip("lab hosts are containers, which need root")
    folder = current_lab().root
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"tests-{names[0]}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # other test runs on this machine use the same names
        lab.down(names, missing_ok=True)  # a killed test run leaves its hosts
        try:
            yield {host.name: host for host in lab.up(backend="nspawn", names=names)}
        finally:
            lab.down(names, missing_ok=True)


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An air-gap folder with three versions of the stand-in. Tests must copy it before they change it."""
    folder = tmp_path_factory.mktemp("artifacts")
    make_artifacts.build(VERSION, folder, pad_mib=PAD_MIB)
    make_artifacts.build(NEWER, folder)
    make_artifacts.build(OLDER, folder)
    return folder


@pytest.fixture(scope="session")
def prepared(
    lab_hosts: dict[str, lab.LabHost],
    names: list[str],
    artifacts: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The name of a host with a snapshot "prepared": prepared and hardened, with a stand-in that starts quickly.

    Simultaneous test runs of the same sources copy the snapshot from one host, the model: the first run creates it,
    the last removes it.
    """
    model = f"p{sources()}"
    folder = current_lab().root
    with (
        (folder / f"tests-{model}.lock").open("w") as lock,
        (folder / f"tests-{model}.users").open("w") as users,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        if lock_if_unused(users):
            lab.down([model], missing_ok=True)
            prepare(model, artifacts, tmp_path_factory.mktemp("prepare"))
        fcntl.flock(users, fcntl.LOCK_SH)
        lab.share(model, "prepared", names[0])
        fcntl.flock(lock, fcntl.LOCK_UN)
        yield names[0]
        fcntl.flock(lock, fcntl.LOCK_EX)
        if lock_if_unused(users):
            lab.down([model], missing_ok=True)


def sources() -> str:
    """A digest of everything that a preparation depends on, the package archive aside."""
    folders = ("skerry", "deploy", "inventories", "tests/lab")
    files = sorted(
        path for name in folders for path in (PROJECT / name).rglob("*") if path.suffix not in (".pyc", "")
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]


def lock_if_unused(users: IO[str]) -> bool:
    """Take the lock and return True, unless another process holds it."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def prepare(name: str, artifacts: Path, folder: Path) -> None:
    """Create a host, prepare and harden it, and keep it as the snapshot "prepared". The host is off then."""
    [host] = lab.up(backend="nspawn", names=[name])
    for deploy in ("deploy/prepare.py", "deploy/harden.py"):
        result = Running(write_inventory(folder, host, artifacts, {}), deploy, folder / "home").finish(300)
        assert result.code == 0, result.stderr
    lab.run(name, f"printf '{PACE}' > /etc/default/k3s; apt-get clean; rm -rf /var/lib/apt/lists/*")
    lab.power_off(name, hard=False)
    lab.snapshot(name, "prepared")


@pytest.fixture
def host(prepared: str) -> lab.LabHost:
    """A host on which deploy/prepare.py and deploy/harden.py have nothing left to do."""
    return lab.restore(prepared, "prepared")


@pytest.fixture
def fresh_host(lab_hosts: dict[str, lab.LabHost], names: list[str]) -> lab.LabHost:
    """A host in the state in which a provider delivers it."""
    return lab.reset(names[1])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """SKERRY_HOME of this test's runs: journals, locks, and their output in `output`."""
    return tmp_path / "home"


@pytest.fixture
def inventory(tmp_path: Path, artifacts: Path) -> WriteInventory:
    """inventory(host, **settings) writes an inventory with that server. Returns its path, the same for every call."""
    return lambda host, **settings: write_inventory(tmp_path / "inventories", host, artifacts, settings)


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    """start(inventory, deploy="deploy/k3s.py", patch="") starts a run, which is killed at the end of the test.

    `patch` is Python code that the engine's process executes first, such as "import x; x.STALL_SECONDS = 1".
    """
    started: list[Running] = []

    def start_run(inventory: Path, deploy: str = "deploy/k3s.py", patch: str = "") -> Running:
        started.append(Running(inventory, deploy, home, patch))
        return started[-1]

    yield start_run
    for running in started:
        if running.process.poll() is None:
            running.kill()


@pytest.fixture
def run(start: Start) -> Run:
    """run(inventory, deploy="deploy/k3s.py", patch="", seconds=120) runs a deploy to its end. Returns the Result."""

    def run_to_end(
        inventory: Path, deploy: str = "deploy/k3s.py", patch: str = "", seconds: float = 120
    ) -> Result:
        return start(inventory, deploy, patch).finish(seconds)

    return run_to_end


@pytest.fixture
def mirror(lab_hosts: dict[str, lab.LabHost], artifacts: Path) -> Iterator[Mirror]:
    """A download mirror that lab hosts and this machine can reach."""
    mirror = Mirror(artifacts / "k3s", network.gateway(current_lab()))
    yield mirror
    mirror.close()
