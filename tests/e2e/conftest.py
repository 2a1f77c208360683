"""A real K3s for the end-to-end tests, and a throw-away host to install it on.

SKERRY_E2E_ARTIFACTS is an air-gap folder to use instead of the project's. SKERRY_E2E_PREPARE is a shell script to run
on the host first, for a build of K3s without the programs of a release (containerd, runc, CNI plugins).
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
from skerry.local.paths import PROJECT
from skerry.model.errors import InputError
from skerry.model.k3s.versions import K3sVersion, accepts_cgroup_v1, check_known
from skerry.model.preparation.kernel import KUBELET
from tests.lab.runs import write_inventory

NAME = "e2e-1"
ARTIFACTS = Path(os.environ.get("SKERRY_E2E_ARTIFACTS", PROJECT / "artifacts"))
FILES = {"x86_64": "k3s", "aarch64": "k3s-arm64"}
# A kubelet sets these, and an nspawn host shares its kernel with the machine.
SYSCTLS = (*KUBELET, "kernel.keys.root_maxkeys", "kernel.keys.root_maxbytes")

WriteInventory = Callable[[str], Path]


@pytest.fixture(scope="session")
def version() -> str:
    """The newest K3s in the air-gap folder that runs on this machine. Skips the tests without one."""
    if os.geteuid() != 0:
        pytest.skip("lab hosts are containers, which need root")
    versions = sorted(
        filter(None, map(_version, ARTIFACTS.glob(f"k3s/*/{FILES.get(platform.machine(), 'none')}")))
    )
    if not versions:
        pytest.skip(f"no real K3s in {ARTIFACTS}; run `invoke artifacts-fetch` where there is internet")
    v2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    usable = [version for version in versions if v2 or accepts_cgroup_v1(version)]
    if not usable:
        pytest.skip(
            f"K3s {versions[-1]} refuses cgroup v1, which this machine's containers have; put v1.34 into the folder"
        )
    return str(usable[-1])


def _version(binary: Path) -> K3sVersion | None:
    """The version of a binary; None for other files, such as the stand-in, which is a Python zip application."""
    with binary.open("rb") as file:
        if file.read(4) != b"\x7fELF":
            return None
    try:
        version = K3sVersion.parse(binary.parent.name)
        check_known(version)
    except InputError:
        return None
    return version


@pytest.fixture(scope="session")
def host(version: str) -> Iterator[lab.LabHost]:
    """A fresh host, removed at the end. The machine's sysctls are restored."""
    before = {_sysctl(name): _sysctl(name).read_text() for name in SYSCTLS if _sysctl(name).exists()}
    folder = current_lab().root
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "e2e.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # another run of these tests uses the same name
        lab.down([NAME], missing_ok=True)  # a killed test run leaves its host
        try:
            [host] = lab.up(backend="nspawn", names=[NAME])
            if script := os.environ.get("SKERRY_E2E_PREPARE"):
                lab.run(NAME, Path(script).read_text())
            yield host
        finally:
            lab.down([NAME], missing_ok=True)
            for path, value in before.items():
                path.write_text(value)


def _sysctl(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))


@pytest.fixture(scope="session")
def write(host: lab.LabHost, version: str, tmp_path_factory: pytest.TempPathFactory) -> WriteInventory:
    """write(reserve) writes an inventory with that host. Returns its path, the same for every call."""
    folder = tmp_path_factory.mktemp("e2e")
    return lambda reserve: write_inventory(
        folder, host, ARTIFACTS, {"k3s_version": version, "reserve": reserve}
    )


@pytest.fixture(scope="session")
def inventory(write: WriteInventory) -> Path:
    """That inventory, at first with the published recipe's reservations."""
    return write("recipe")
