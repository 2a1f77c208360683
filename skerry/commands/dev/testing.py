"""The test layers: which there are, what each needs, and running them."""

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

from skerry.commands.hosts.up import Stage, print_stages
from skerry.local.paths import PROJECT
from skerry.model.errors import InputError

PYTEST = (sys.executable, "-m", "pytest", "--durations=5")
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Layer:
    """Commands that must all succeed, and what keeps this machine from running them ("" for nothing)."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    hindrance: Callable[[], str]
    lab: str = ""  # the folder of its lab hosts and images, below that of other labs


def _nothing() -> str:
    return ""


def _no_root() -> str:
    return "" if os.geteuid() == 0 else "needs root (systemd-nspawn hosts)"


def _no_debootstrap() -> str:
    able = os.geteuid() == 0 or (shutil.which("debootstrap") and shutil.which("qemu-system-x86_64"))
    return "" if able else "needs root once, to install qemu and debootstrap and to build the image"


def _no_real_k3s() -> str:
    found = list((PROJECT / "artifacts" / "k3s").glob("*/k3s"))
    return "" if found else "no real K3s in artifacts/; run `invoke artifacts-fetch` where there is internet"


def _no_fleet_tools() -> str:
    from skerry.local import tools  # installs what apt can, as root

    try:
        for name in ("age-keygen", "git", "sops", "ssh", "sshd"):
            tools.find(name)
        tools.kustomize()
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
AT_ONCE = 2 * (os.cpu_count() or 1)  # a layer waits about as long as it computes
APART = ("hardening", "cluster")  # below tests/lab, with hosts of their own
LAYERS = (  # those in one row run side by side, longest first; bench needs quiet
    (Layer("bench", ((*PYTEST, "-v", "tests/bench"),), _nothing),),
    (
        Layer("vm", ((*PYTEST, "-v", "tests/vm"),), _no_debootstrap, lab="vm"),
        Layer(
            "lab",
            ((*PYTEST, "-v", *(f"--ignore=tests/lab/{name}" for name in APART), "tests/lab"),),
            _no_root,
        ),
        Layer("cluster", ((*PYTEST, "-v", "tests/lab/cluster"),), _no_root),
        Layer("lint", LINT, _nothing),
        Layer("harden", ((*PYTEST, "-v", "tests/lab/hardening"),), _no_root),
        Layer("backend", ((*PYTEST, "-v", "tests/lab_backend"),), _no_root),
        Layer("fleet", ((*PYTEST, "-v", "tests/fleet"),), _no_fleet_tools),
        Layer("unit", ((*PYTEST, "-q", "tests/unit"),), _nothing),
    ),
    (Layer("e2e", ((*PYTEST, "-v", "tests/e2e"),), lambda: _no_root() or _no_real_k3s()),),
)


def lint() -> int:
    """Run every linter, even after one has failed. Returns the worst exit code."""
    return max(subprocess.run(command, cwd=PROJECT, check=False).returncode for command in LINT)


def run_layers(only: str) -> int:
    """Run the layers this machine can, or the one named, and end in a table. Returns 1 if one failed.

    Raises InputError for an unknown layer.
    """
    names = [layer.name for row in LAYERS for layer in row]
    if only and only not in names:
        raise InputError(f"no test layer is named {only}; there are {', '.join(names)}")
    stages: list[Stage] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for row in LAYERS:
            stages += pool.map(_run, [layer for layer in row if only in ("", layer.name)])
    failed = any(stage.result == "failed" for stage in stages)
    print_stages(stages, "mend what failed" if failed else "git commit", as_json=False)
    return 1 if failed else 0


def _run(layer: Layer) -> Stage:
    if hindrance := layer.hindrance():
        return Stage(layer.name, "skipped", hindrance)
    begun = time.monotonic()
    outcomes = [_say(layer, command) for command in layer.commands]
    seconds = time.monotonic() - begun
    if not any(code for code, _ in outcomes):
        return Stage(layer.name, "done", "", seconds)
    failures = [line for _, lines in outcomes for line in lines]
    return Stage(layer.name, "failed", "\n".join(failures) or "see above", seconds)


def _say(layer: Layer, command: tuple[str, ...]) -> tuple[int, list[str]]:
    """Run a command, print each line with the layer's name before it.

    Returns its exit code, and pytest's lines that name a test which failed.
    """
    failures = []
    place = Path(os.environ.get("SKERRY_LAB") or PROJECT / ".lab") / layer.lab
    environment = {**os.environ, "SKERRY_LAB": str(place), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(f"{layer.name:7} | {line}", end="", flush=True)
            if line.startswith(("FAILED ", "ERROR ")):
                failures.append(line.strip())
    return process.returncode, failures
