from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.doubles.make_artifacts import build
from tests.unit.doubles.standin import (
    PYTHON,
    VERSION,
)


def test_the_version_says_stand_in(binary: Path) -> None:
    version = subprocess.run([binary, "--version"], text=True, capture_output=True, check=True, timeout=5)
    assert version.stdout == f"k3s version {VERSION} (stand-in)\ngo version none\n"


def test_builds_are_reproducible_and_versions_differ(tmp_path: Path, binary: Path) -> None:
    again = build(VERSION, tmp_path, pad_mib=0)
    other = build("v1.34.3+k3s1", tmp_path, "arm64", pad_mib=2, images=True)
    assert again.read_bytes() == binary.read_bytes()
    assert other.name == "k3s-arm64"
    assert other.stat().st_size > 2 * 1024 * 1024
    sums = (other.parent / "sha256sum-arm64.txt").read_text().splitlines()
    assert sums[0] == f"{hashlib.sha256(other.read_bytes()).hexdigest()}  k3s-arm64"
    assert sums[1].endswith("  k3s-airgap-images-arm64.tar.zst")


@pytest.mark.parametrize(
    ("name", "message"), [("crictl", "no containers"), ("kubectl", "localhost:8080 was refused")]
)
def test_called_by_another_name(tmp_path: Path, binary: Path, name: str, message: str) -> None:
    (tmp_path / name).symlink_to(binary)
    env = {**os.environ, "KUBECONFIG": str(tmp_path / "none")}
    answer = subprocess.run(
        [PYTHON, tmp_path / name, "get", "nodes"], env=env, text=True, capture_output=True, timeout=5
    )
    assert answer.returncode == 1
    assert message in answer.stderr
