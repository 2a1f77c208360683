"""What a run did to a fresh host, so that others can be made to do the same.

`PATCH` makes the engine's process note each command that an operation ran, each file it wrote and each file it
uploaded. From that come the shell script that a fresh run is held against, and Ansible's copy tasks.
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
from pyinfra.api.command import FunctionCommand, StringCommand
import skerry.operations.files as files
from skerry.model.host_paths import GUARD
from skerry.operations.upload import Upload

def note(**fields):
    with Path({record!r}).open("a") as file:
        file.write(json.dumps(fields) + "\\n")

def run(self, state, host, arguments, execute=StringCommand.execute):
    note(run=self.get_raw_value(), stdin=str(self.connector_arguments.get("_stdin") or ""))
    return execute(self, state, host, arguments)

def upload(self, state, host, arguments, execute=Upload.execute):
    note(upload=[str(self.src), self.dest], script=self.script)
    return execute(self, state, host, arguments)

def call(self, state, host, arguments, execute=FunctionCommand.execute):
    if self.function.__name__ == "prove":  # what else asks a host, over and over, a script has no need of
        note(run=f"{{GUARD}} disarm", stdin="")
    return execute(self, state, host, arguments)

def write_script(file, compose=files.write_script):
    note(file=[file.path, file.content, file.mode, file.owner])
    return compose(file)

StringCommand.execute, Upload.execute, FunctionCommand.execute = run, upload, call
files.write_script = write_script
"""


@dataclass(frozen=True)
class Recording:
    """A fresh run: its commands with what came on their standard input, its uploads, and the files it wrote."""

    lines: list[dict[str, Any]]
    packages: list[str]

    @classmethod
    def read(cls, path: Path, packages: str) -> Recording:
        """`packages`: those that the run brought, as it notes on the host."""
        return cls([json.loads(line) for line in path.read_text().splitlines()], packages.split())

    @property
    def files(self) -> dict[str, tuple[str, str, str]]:
        """Content, mode and owner by path."""
        return {each["file"][0]: tuple(each["file"][1:]) for each in self.lines if "file" in each}

    @property
    def uploads(self) -> dict[str, str]:
        """Where each upload's file is on this machine, by its place on the host."""
        return {each["upload"][1]: each["upload"][0] for each in self.lines if "upload" in each}

    def stage(self, folder: Path) -> None:
        """Write the plain shell script of this run, and beside it the files that it takes."""
        steps = []
        for number, each in enumerate(self.lines):
            if "run" in each:
                (folder / f"{number}.in").write_text(each["stdin"])
                steps.append(f"sh -c {shlex.quote(each['run'])} < {STAGE}/{number}.in")
            elif "upload" in each:
                source, _ = each["upload"]
                (folder / f"{number}.in").write_bytes(
                    b"0\n" + Path(source).read_bytes()
                )  # from the beginning
                steps.append(f"sh -c {shlex.quote(each['script'])} < {STAGE}/{number}.in > /dev/null")
        lines = [f"{step} || {{ echo 'step {n} failed' >&2; exit 1; }}" for n, step in enumerate(steps)]
        (folder / "script.sh").write_text("\n".join([*lines, ""]))
