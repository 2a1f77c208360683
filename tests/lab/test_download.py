"""A download that fails in any way leaves no incomplete or wrong file on the host."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from skerry import lab
from skerry.model.artifact_lock import Lock
from skerry.model.artifacts import k3s_artifacts
from tests.lab.conftest import Run, WriteInventory
from tests.lab.mirror import Fault, Mirror
from tests.lab.runs import VERSION

FILE = f"{VERSION.replace('+', '%2B')}/k3s"
INSTALL = f"K3s | Install k3s {VERSION}"
IMPATIENCE = "import skerry.operations.artifact as a; a.STALL_SECONDS, a.RETRIES = 1, 0"
"""Patch: the host gives up a download that has stalled for a second, and does not retry."""


@pytest.fixture(scope="module")
def host_without_k3s(prepared: str) -> lab.LabHost:
    """A prepared host for all tests of this file; all but the last leave it as it is."""
    return lab.restore(prepared, "prepared")


@pytest.fixture
def downloading(inventory: WriteInventory, mirror: Mirror, tmp_path: Path) -> Callable[..., Path]:
    """downloading(host, **settings) writes an inventory whose host downloads from the mirror. Returns its path."""
    settings = {
        "artifact_delivery": "download",
        "artifact_mirror": mirror.url,
        "artifact_folder": str(tmp_path),
    }
    return lambda host, **more: inventory(host, **settings, **more)


def nothing_of_k3s(host: lab.LabHost) -> bool:
    """No binary, not even a partial one, no link, no configuration, no unit."""
    find = "find /usr/local /etc/rancher /var/lib/rancher /etc/systemd/system -name '*k3s*' ! -type d"
    return lab.run(host.name, find, check=False).stdout == ""


FAULTS: dict[str, tuple[Fault, str]] = {
    "not there": (Fault(missing=True), "404"),
    "truncated": (Fault(short=4096), "does not have the checksum"),
    "one byte flipped": (Fault(flipped=True), "does not have the checksum"),
    "cut off": (Fault(broken=1024**2), "transfer closed"),
    "stalled": (Fault(hanging=1024**2), "too slow"),
}


@pytest.mark.parametrize(("fault", "reason"), FAULTS.values(), ids=FAULTS.keys())
def test_a_failed_download_names_its_file_and_reason_and_leaves_nothing(
    fault: Fault,
    reason: str,
    host_without_k3s: lab.LabHost,
    downloading: Callable[..., Path],
    mirror: Mirror,
    run: Run,
) -> None:
    mirror.fault = fault
    result = run(downloading(host_without_k3s), patch=IMPATIENCE, seconds=40)
    assert (result.code, result.failed, result.changed) == (1, [INSTALL], [])
    assert f"GET /{FILE}" in mirror.requests
    assert f"{mirror.url}/{FILE}" in result.stderr
    assert reason in result.stderr
    assert "Traceback" not in result.stderr
    assert nothing_of_k3s(host_without_k3s)


def test_an_unreachable_mirror_is_reported_before_any_change(
    host_without_k3s: lab.LabHost, downloading: Callable[..., Path], mirror: Mirror, run: Run
) -> None:
    path = downloading(host_without_k3s)
    mirror.close()
    result = run(path)
    assert (result.code, result.changed) == (1, [])
    assert "the artifact source cannot be reached" in result.stderr
    assert mirror.url.rpartition(":")[2] in result.stderr
    assert "no host was changed" in result.stderr
    assert nothing_of_k3s(host_without_k3s)


def test_a_damaged_file_in_the_air_gap_folder_is_refused_before_any_change(
    host_without_k3s: lab.LabHost, inventory: WriteInventory, artifacts: Path, tmp_path: Path, run: Run
) -> None:
    folder = tmp_path / "air gap"
    shutil.copytree(artifacts, folder)
    binary = folder / "k3s" / VERSION / "k3s"
    content = bytearray(binary.read_bytes())
    content[1024] ^= 1
    binary.write_bytes(content)
    result = run(inventory(host_without_k3s, artifact_folder=str(folder)))
    assert (result.code, result.changed) == (2, [])
    assert f"{binary} does not have the checksum" in result.stderr
    assert len(result.errors) == 1
    assert nothing_of_k3s(host_without_k3s)


def test_a_file_that_contradicts_the_lock_is_refused_before_any_change(
    host_without_k3s: lab.LabHost, inventory: WriteInventory, tmp_path: Path, run: Run
) -> None:
    """The lock counts, even if the publisher's checksum file beside the artifact agrees with the artifact."""
    [artifact] = k3s_artifacts(VERSION, "amd64", images=False)
    lock = tmp_path / "committed.lock.yaml"
    lock.write_text(Lock.empty().add(artifact, "0" * 64).render())
    result = run(inventory(host_without_k3s, artifact_lock=str(lock)))
    assert (result.code, result.changed) == (2, [])
    assert f"does not have the checksum {'0' * 64}" in result.stderr
    assert len(result.errors) == 1
    assert nothing_of_k3s(host_without_k3s)


def test_a_run_after_a_failed_download_completes(
    host_without_k3s: lab.LabHost, downloading: Callable[..., Path], mirror: Mirror, run: Run
) -> None:
    """The last test of this file, because it installs K3s on the host that all share."""
    path = downloading(host_without_k3s)
    mirror.fault = Fault(broken=1024**2)
    assert run(path).code == 1
    mirror.fault = Fault()
    result = run(path)
    assert result.code == 0, result.stderr
    assert INSTALL in result.changed
    assert " Ready " in lab.run(host_without_k3s.name, "kubectl get nodes").stdout
    downloads = len(mirror.requests)
    again = run(path)
    assert (again.code, again.changed) == (0, [])
    assert len(mirror.requests) == downloads
