"""Record what a run does to a fresh host, so that a shell script and Ansible can do the same.

`PATCH` makes the runner's process record each command that an operation ran, each file it wrote and each file it
uploaded. The shell script of a fresh run and Ansible's copy tasks are made from that.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STAGE = "/root/stage"

PATCH = """
import json
from pathlib import Path
import skerry.model.files as files

def note(**fields):
    with Path({record!r}).open("a") as file:
        file.write(json.dumps(fields) + "\\n")

def write_script(file, compose=files.write_script):
    note(file=[file.path, file.content, file.mode, file.owner])
    return compose(file)

# Before the operations are imported, because they import the function by name.
files.write_script = write_script

from pyinfra.api.command import FunctionCommand, StringCommand
from skerry.model.host_paths import GUARD
from skerry.operations.guard import confirm
from skerry.operations.upload import Upload

def run(self, state, host, arguments, execute=StringCommand.execute):
    note(run=self.get_raw_value(), stdin=str(self.connector_arguments.get("_stdin") or ""))
    return execute(self, state, host, arguments)

def upload(self, state, host, arguments, execute=Upload.execute):
    note(upload=[str(self.src), self.dest], script=self.script)
    return execute(self, state, host, arguments)

def call(self, state, host, arguments, execute=FunctionCommand.execute):
    # Other functions poll a host, which a script does not need.
    if self.function is confirm:
        note(run=f"{{GUARD}} disarm", stdin="")
    return execute(self, state, host, arguments)

StringCommand.execute, Upload.execute, FunctionCommand.execute = run, upload, call
"""


@dataclass(frozen=True)
class Recording:
    """A run's commands with their standard input, its uploads and the files it wrote, and the packages it installed."""

    lines: list[dict[str, Any]]
    packages: list[str]

    @classmethod
    def read(cls, path: Path, packages: str) -> Recording:
        """Read the file that PATCH wrote. `packages`: the host's list of packages that the run installed, as text."""
        return cls([json.loads(line) for line in path.read_text().splitlines()], packages.split())

    @property
    def files(self) -> dict[str, tuple[str, str, str]]:
        """Content, mode and owner by path."""
        return {line["file"][0]: tuple(line["file"][1:]) for line in self.lines if "file" in line}

    @property
    def uploads(self) -> dict[str, str]:
        """Each uploaded file's path on this machine by its path on the host."""
        return {line["upload"][1]: line["upload"][0] for line in self.lines if "upload" in line}

    def stage(self, folder: Path) -> None:
        """Write a shell script that does the same as the run, and the files that it needs."""
        steps = []
        for number, line in enumerate(self.lines):
            if "run" in line:
                (folder / f"{number}.in").write_text(line["stdin"])
                steps.append(f"sh -c {shlex.quote(line['run'])} < {STAGE}/{number}.in")
            elif "upload" in line:
                source, _ = line["upload"]
                # The upload's script first reads the offset to continue at.
                (folder / f"{number}.in").write_bytes(b"0\n" + Path(source).read_bytes())
                steps.append(f"sh -c {shlex.quote(line['script'])} < {STAGE}/{number}.in > /dev/null")
        lines = [f"{step} || {{ echo 'step {n} failed' >&2; exit 1; }}" for n, step in enumerate(steps)]
        (folder / "script.sh").write_text("\n".join([*lines, ""]))
