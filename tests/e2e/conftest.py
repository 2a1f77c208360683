"""A real K3s for the end-to-end tests, and a throw-away host to install it on.

SKERRY_E2E_ARTIFACTS names another air-gap folder than the project's. SKERRY_E2E_PREPARE names a shell script that is
run on the host first, for a build of K3s that does not bring along what a release does (containerd, runc, CNI plugins).
"""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skerry import lab
from skerry.lab.folder import current_lab
from skerry.model.errors import InputError
from skerry.model.k3s.versions import K3sVersion, accepts_cgroup_v1, check_known
from skerry.phases.kernel import KUBELET
from tests.lab.runs import PROJECT, take_down, write_inventory

NAME = "e2e-1"
ARTIFACTS = Path(os.environ.get("SKERRY_E2E_ARTIFACTS", PROJECT / "artifacts"))
FILES = {"x86_64": "k3s", "aarch64": "k3s-arm64"}
# What a kubelet sets; an nspawn host shares its kernel with the machine.
SYSCTLS = (*KUBELET, "kernel.keys.root_maxkeys", "kernel.keys.root_maxbytes")

WriteInventory = Callable[[str], Path]


@pytest.fixture(scope="session")
def version() -> str:
    """The newest K3s in the air-gap folder that runs on this machine; skips without one."""
    if os.geteuid() != 0:
        pytest.skip("lab hosts are containers, which need root")
    found = sorted(
        filter(None, map(_version, ARTIFACTS.glob(f"k3s/*/{FILES.get(platform.machine(), 'none')}")))
    )
    if not found:
        pytest.skip(f"no real K3s in {ARTIFACTS}; run `invoke artifacts-fetch` where there is internet")
    v2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    usable = [each for each in found if v2 or accepts_cgroup_v1(each)]
    if not usable:
        pytest.skip(
            f"K3s {found[-1]} refuses cgroup v1, which this machine's containers have; v1.34 would do"
        )
    return str(usable[-1])


def _version(binary: Path) -> K3sVersion | None:
    """The version of a binary for this machine, None for anything else: a stand-in is no executable of its own."""
    with binary.open("rb") as file:
        if file.read(4) != b"\x7fELF":
            return None
    try:
        found = K3sVersion.parse(binary.parent.name)
        check_known(found)
    except InputError:
        return None
    return found


@pytest.fixture(scope="session")
def host(version: str) -> Iterator[lab.LabHost]:
    """A fresh host; gone afterwards, and the machine's kernel is as it was."""
    before = {_sysctl(name): _sysctl(name).read_text() for name in SYSCTLS if _sysctl(name).exists()}
    here = current_lab()
    here.root.mkdir(parents=True, exist_ok=True)
    with (here.root / "e2e.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # another run of these tests has a host of the same name
        take_down(NAME)  # what a killed run has left
        try:
            [fresh] = lab.up(backend="nspawn", names=[NAME])
            if script := os.environ.get("SKERRY_E2E_PREPARE"):
                lab.run(NAME, Path(script).read_text())
            yield fresh
        finally:
            take_down(NAME)
            for path, value in before.items():
                path.write_text(value)


def _sysctl(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))


@pytest.fixture(scope="session")
def write(host: lab.LabHost, version: str, tmp_path_factory: pytest.TempPathFactory) -> WriteInventory:
    """write(reserve) writes the inventory with that host and returns its path, always the same."""
    folder = tmp_path_factory.mktemp("e2e")
    return lambda reserve: write_inventory(
        folder, host, ARTIFACTS, {"k3s_version": version, "reserve": reserve}
    )


@pytest.fixture(scope="session")
def inventory(write: WriteInventory) -> Path:
    """That inventory, first with the published recipe's reservations."""
    return write("recipe")
