"""Deploys against throw-away hosts in containers, over real SSH. K3s is the stand-in of tests/doubles.

The hosts belong to the lab of this environment (SKERRY_LAB, else .lab), so that its image is used; their names
are their own, and what else runs there is left alone.
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
from tests.doubles import make_artifacts
from tests.lab.mirror import Mirror
from tests.lab.runs import PROJECT, VERSION, Result, Running, take_down, write_inventory

NEWER = "v1.34.4+k3s1"
OLDER = "v1.33.9+k3s1"  # another minor: going back there takes the datastore of then
PAD_MIB = 32  # an upload of this size takes about a second
PACE = "SKERRY_DOUBLE_START_SECONDS=0.6\nSKERRY_DOUBLE_READY_SECONDS=0.6\n"  # a second and a bit to Ready

WriteInventory = Callable[..., Path]
Run = Callable[..., Result]
Start = Callable[..., Running]


def pytest_collection_finish() -> None:
    """pyinfra replaces subprocess, sockets and threads of the process that imports it, which the tests here share."""
    if "gevent.monkey" in sys.modules:
        raise pytest.UsageError(
            "a test module imports pyinfra; take what it needs from elsewhere, or run that apart"
        )


@pytest.fixture(scope="session")
def names() -> list[str]:
    """Names of the hosts: one to be prepared, and one to stay fresh."""
    return ["t1", "t2"]


@pytest.fixture(scope="session")
def lab_hosts(names: list[str]) -> Iterator[dict[str, lab.LabHost]]:
    """Fresh hosts by name, taken down at the end."""
    if os.geteuid() != 0:
        pytest.skip("lab hosts are containers, which need root")
    here = current_lab()
    here.root.mkdir(parents=True, exist_ok=True)
    with (here.root / f"tests-{names[0]}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # another test run on this machine has hosts of the same names
        take_down(*names)  # what a killed test run has left
        try:
            yield {host.name: host for host in lab.up(backend="nspawn", names=names)}
        finally:
            take_down(*names)


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An air-gap folder with three versions of the stand-in; tests that change it change a copy."""
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
    """The name of a host with a snapshot "prepared": it is prepared and hardened, and K3s would start quickly.

    Test runs of the same sources at the same time share one: the first makes it, the last to end removes it.
    """
    model = f"p{sources()}"
    place_of_locks = current_lab().root
    with (
        (place_of_locks / f"tests-{model}.lock").open("w") as turn,
        (place_of_locks / f"tests-{model}.users").open("w") as users,
    ):
        fcntl.flock(turn, fcntl.LOCK_EX)
        if nobody_else(users):
            take_down(model)
            prepare(model, artifacts, tmp_path_factory.mktemp("prepare"))
        fcntl.flock(users, fcntl.LOCK_SH)
        lab.share(model, "prepared", names[0])
        fcntl.flock(turn, fcntl.LOCK_UN)
        yield names[0]
        fcntl.flock(turn, fcntl.LOCK_EX)
        if nobody_else(users):
            take_down(model)


def sources() -> str:
    """A digest of everything that a preparation depends on, but for the packages of the day."""
    folders = ("skerry", "deploy", "inventories", "tests/lab")
    files = sorted(
        path for name in folders for path in (PROJECT / name).rglob("*") if path.suffix not in (".pyc", "")
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]


def nobody_else(users: IO[str]) -> bool:
    """Whether no other process holds the lock; then it is this one's alone."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def prepare(name: str, artifacts: Path, folder: Path) -> None:
    """A host of that name has the snapshot, and is off."""
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
    """A host as its provider hands it over."""
    return lab.reset(names[1])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """SKERRY_HOME of this test's runs: journals, locks, and in `output` what they printed."""
    return tmp_path / "home"


@pytest.fixture
def inventory(tmp_path: Path, artifacts: Path) -> WriteInventory:
    """inventory(host, **settings) writes an inventory with that server and returns its path, always the same."""
    return lambda host, **settings: write_inventory(tmp_path / "inventories", host, artifacts, settings)


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    """start(inventory, deploy="deploy/k3s.py", patch="") starts a run; what still runs after the test is killed.

    `patch` is Python that the engine's process runs first, such as "import x; x.PATIENCE_SECONDS = 1".
    """
    begun: list[Running] = []

    def begin(inventory: Path, deploy: str = "deploy/k3s.py", patch: str = "") -> Running:
        begun.append(Running(inventory, deploy, home, patch))
        return begun[-1]

    yield begin
    for running in begun:
        if running.process.poll() is None:
            running.kill()


@pytest.fixture
def run(start: Start) -> Run:
    """run(inventory, deploy="deploy/k3s.py", patch="", seconds=120) runs to the end and returns the Result."""

    def to_the_end(
        inventory: Path, deploy: str = "deploy/k3s.py", patch: str = "", seconds: float = 120
    ) -> Result:
        return start(inventory, deploy, patch).finish(seconds)

    return to_the_end


@pytest.fixture
def mirror(lab_hosts: dict[str, lab.LabHost], artifacts: Path) -> Iterator[Mirror]:
    """A download mirror that lab hosts and this machine reach."""
    served = Mirror(artifacts / "k3s", network.gateway(current_lab()))
    yield served
    served.close()
