"""Runs of the engine on lab hosts: started, watched through their journal, interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry import lab
from skerry.lab import inventory as lab_inventory
from skerry.local.paths import PROJECT
from skerry.local.waiting import until

VERSION = "v1.34.3+k3s1"  # the newest minor that accepts cgroup v1, which this machine may have
ENGINE = "import pyinfra_cli, runpy\n{patch}\nrunpy.run_module('skerry.runner.engine', run_name='__main__')"
PYINFRA = str(Path(sys.executable).parent / "pyinfra")
Line = dict[str, Any]


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until the condition holds. Fails the test after `seconds`, with `what` in the message."""
    assert until(condition, seconds, every=0.005), f"{what} did not come within {seconds} s"


@dataclass(frozen=True)
class Result:
    """Exit code, output and journal of a run. The journal is empty if the run ended before it."""

    code: int
    stdout: str
    stderr: str
    journal: list[Line]

    @property
    def changed(self) -> list[str]:
        """The operations that changed the host, in order: "K3s | Link the version"."""
        return [line["operation"] for line in self.journal if line.get("result") == "changed"]

    @property
    def errors(self) -> list[str]:
        """The lines on standard error without warnings, which pyinfra indents."""
        return [line for line in self.stderr.splitlines() if not line.startswith("    ")]

    @property
    def failed(self) -> list[str]:
        """The operations that failed."""
        return [line["operation"] for line in self.journal if line.get("result") == "failed"]


class Running:
    """A run of the engine, or of the `pyinfra` command if `plain`, in a session of its own."""

    def __init__(
        self, inventory: Path, deploy: str, home: Path, patch: str = "", plain: bool = False
    ) -> None:
        self._runs = home / "runs"
        self._before = self._folders()
        self._output = home / "output"
        self._output.mkdir(parents=True, exist_ok=True)
        number = len(list(self._output.iterdir()))
        self._stdout, self._stderr = (self._output / f"{number}.{name}" for name in ("stdout", "stderr"))
        engine = [sys.executable, "-c", ENGINE.format(patch=patch), "run"]
        command = [*([PYINFRA, "-y"] if plain else engine), str(inventory), deploy]
        with self._stdout.open("w") as stdout, self._stderr.open("w") as stderr:
            self.process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env={**os.environ, "SKERRY_HOME": str(home)},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )

    def journal(self) -> list[Line]:
        """The complete lines written so far."""
        new = sorted(self._folders() - self._before)
        file = self._runs / new[0] / "journal.jsonl" if new else None
        text = file.read_text() if file and file.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def reach(self, event: str, operation: str | None = None, seconds: float = 60) -> None:
        """Wait until the journal has an event: "host", or the "start" or "end" of an operation."""

        def reached() -> bool:
            ended = self.process.poll() is not None
            lines = [line for line in self.journal() if line.get("operation") == operation]
            happened = any(line["event"] == event for line in lines)
            assert happened or not ended, f"the run ended without the {event} of {operation}: {self.stderr}"
            return happened

        wait_for(reached, f"the {event} of {operation}", seconds)

    def kill(self) -> None:
        """Kill the engine and all its children at once, as if the operator's machine lost power."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def interrupt(self) -> None:
        """Send the signal that Ctrl-C sends."""
        os.killpg(self.process.pid, signal.SIGINT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the engine during the `with` block, so that the run does not go past the present moment."""
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)

    def finish(self, seconds: float = 120) -> Result:
        """Wait for the end. Kills the run and fails the test if it takes longer than `seconds`."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"the run did not end within {seconds} s; its output: {self.stderr}"
            ) from None
        return Result(code, self._stdout.read_text(), self.stderr, self.journal())

    @property
    def stderr(self) -> str:
        return self._stderr.read_text()

    def _folders(self) -> set[str]:
        if not self._runs.exists():
            return set()
        return {path.name for path in self._runs.iterdir() if not path.is_symlink()}


def write_inventory(folder: Path, host: lab.LabHost, artifacts: Path, settings: dict[str, Any]) -> Path:
    """Write an inventory with one server and the project's defaults, less what a lab host cannot have."""
    return write_cluster(folder, [host], [], artifacts, settings)


def write_cluster(
    folder: Path,
    servers: list[lab.LabHost],
    agents: list[lab.LabHost],
    artifacts: Path,
    settings: dict[str, Any],
) -> Path:
    """Write an inventory with these servers and agents, all with the same settings."""
    common = {
        "k3s_version": VERSION,
        "k3s_protect_kernel_defaults": False,
        "disk_measure": False,
        "artifact_delivery": "push",
        "artifact_folder": str(artifacts),
        "artifact_lock": str(folder / "artifacts.lock.yaml"),
        **settings,
    }
    return lab_inventory.write_inventory(
        folder, [(host, common) for host in servers], [(host, common) for host in agents]
    )
