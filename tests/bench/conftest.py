"""Fixtures that run the engine in a process of its own, as hosts do, but on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skerry.bench.measurement import Measurement

PROJECT = Path(__file__).parents[2]
ENGINE = PROJECT / "skerry" / "bench" / "remote_engine.py"
Measure = Callable[..., Measurement]


def command(path: Path, **phase: Any) -> list[str]:
    """The engine's command line for one phase of etcd's load."""
    plan = {
        "path": str(path),
        "force": True,
        "phases": [{"name": "test", "kind": "etcd", "seconds": 4, **phase}],
    }
    return [sys.executable, str(ENGINE), json.dumps(plan)]


@pytest.fixture
def measure(tmp_path: Path) -> Measure:
    """measure(path=tmp_path, environment={}, niceness=0, **phase) runs one phase and returns the measurement."""

    def run(
        path: Path = tmp_path, environment: dict[str, str] | None = None, niceness: int = 0, **phase: Any
    ) -> Measurement:
        child = subprocess.run(
            ["nice", "-n", str(niceness), *command(path, **phase)], env={**os.environ, **(environment or {})},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert child.returncode == 0, child.stdout.splitlines()[-1:] + child.stderr.splitlines()[-1:]
        measurement: Measurement = json.loads(child.stdout.splitlines()[-1])["result"]
        return measurement

    return run


@pytest.fixture(scope="session")
def slow_disk(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a library for LD_PRELOAD that makes fdatasync slow at a known rate."""
    if not shutil.which("gcc"):
        pytest.skip("needs gcc to compile the test double of a disk")
    library = tmp_path_factory.mktemp("slow") / "slow_fdatasync.so"
    source = Path(__file__).with_name("slow_fdatasync.c")
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source], check=True)
    return str(library)
