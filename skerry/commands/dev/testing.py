"""`invoke lint` and `invoke test`: run the linters, and the test layers that this machine supports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from skerry.commands.stages import Stage, finish
from skerry.local.exit_codes import DONE, FAILED
from skerry.local.paths import PROJECT, lab_folder
from skerry.model.errors import InputError

PYTEST = (sys.executable, "-m", "pytest", "--durations=5")
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Layer:
    """Commands that must all succeed. `unavailable_because` returns why this machine cannot run them, "" if it can.

    `lab` names the subfolder of SKERRY_LAB for the layer's own hosts and images.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    unavailable_because: Callable[[], str]
    lab: str = ""


def _always_available() -> str:
    return ""


def _no_root() -> str:
    return "" if os.geteuid() == 0 else "needs root (systemd-nspawn hosts)"


def _no_debootstrap() -> str:
    can_boot = os.geteuid() == 0 or (shutil.which("debootstrap") and shutil.which("qemu-system-x86_64"))
    return "" if can_boot else "needs root once, to install qemu and debootstrap and to build the image"


def _no_real_k3s() -> str:
    binaries = list((PROJECT / "artifacts" / "k3s").glob("*/k3s"))
    return "" if binaries else "no real K3s in artifacts/; run `invoke artifacts-fetch` with internet access"


def _no_fleet_tools() -> str:
    from skerry.local import tools
    from skerry.local.kustomize import kustomize

    try:
        # As root, `find` installs a missing package.
        for name in ("age-keygen", "git", "sops", "ssh", "sshd"):
            tools.find(name)
        kustomize()
    except InputError as error:
        return str(error)
    return ""


LINT = (
    (str(BIN / "ruff"), "check", "."),
    (str(BIN / "ruff"), "format", "--check", "."),
    (str(BIN / "mypy"),),
    (str(BIN / "lint-imports"), "--no-logo"),
    (str(BIN / "codespell"),),
)
# A layer waits about as long as it computes.
CONCURRENCY = 2 * (os.cpu_count() or 1)
# Folders of tests/lab that are layers of their own, with their own hosts.
SEPARATE = ("hardening", "cluster")
# The layers of one row run concurrently, longest first. bench has a row of its own because load distorts it.
LAYERS = (
    (Layer("bench", ((*PYTEST, "-v", "tests/bench"),), _always_available),),
    (
        Layer("vm", ((*PYTEST, "-v", "tests/vm"),), _no_debootstrap, lab="vm"),
        Layer(
            "lab",
            ((*PYTEST, "-v", *(f"--ignore=tests/lab/{name}" for name in SEPARATE), "tests/lab"),),
            _no_root,
        ),
        Layer("cluster", ((*PYTEST, "-v", "tests/lab/cluster"),), _no_root),
        Layer("lint", LINT, _always_available),
        Layer("harden", ((*PYTEST, "-v", "tests/lab/hardening"),), _no_root),
        Layer("backend", ((*PYTEST, "-v", "tests/lab_backend"),), _no_root),
        Layer("fleet", ((*PYTEST, "-v", "tests/fleet"),), _no_fleet_tools),
        Layer("unit", ((*PYTEST, "-q", "tests/unit"),), _always_available),
    ),
    (Layer("e2e", ((*PYTEST, "-v", "tests/e2e"),), lambda: _no_root() or _no_real_k3s()),),
)


def lint() -> int:
    """Run all linters, even if one fails. Returns the highest exit code."""
    return max(subprocess.run(command, cwd=PROJECT, check=False).returncode for command in LINT)


def run_layers(only: str) -> int:
    """Run all layers that this machine supports, or `only` one, and print a table. Returns 1 if one fails, else 0.

    Raises InputError for an unknown layer.
    """
    names = [layer.name for row in LAYERS for layer in row]
    if only and only not in names:
        raise InputError(f"no test layer is named {only}; there are {', '.join(names)}")
    stages: list[Stage] = []
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        for row in LAYERS:
            stages += pool.map(_run, [layer for layer in row if only in ("", layer.name)])
    failed = any(stage.result == "failed" for stage in stages)
    return finish(FAILED if failed else DONE, stages, "fix what failed" if failed else "git commit")


def _run(layer: Layer) -> Stage:
    if reason := layer.unavailable_because():
        return Stage(layer.name, "skipped", reason)
    start = time.monotonic()
    outcomes = [_run_command(layer, command) for command in layer.commands]
    seconds = time.monotonic() - start
    if not any(code for code, _ in outcomes):
        return Stage(layer.name, "done", "", seconds)
    failures = [line for _, lines in outcomes for line in lines]
    return Stage(layer.name, "failed", "\n".join(failures) or "see above", seconds)


def _run_command(layer: Layer, command: tuple[str, ...]) -> tuple[int, list[str]]:
    """Run a command, and print its output with the layer's name before each line.

    Returns the exit code, and pytest's lines that name failed tests.
    """
    failures = []
    environment = {**os.environ, "SKERRY_LAB": str(lab_folder() / layer.lab), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(f"{layer.name:7} | {line}", end="", flush=True)
            if line.startswith(("FAILED ", "ERROR ")):
                failures.append(line.strip())
    return process.returncode, failures
