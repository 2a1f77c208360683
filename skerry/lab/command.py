"""Commands on this machine: given as lists, limited in time, with errors of one line."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from skerry.lab.host import LabError

_PATH = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"  # users often lack the last two


def which(program: str) -> str | None:
    """The path of a program, looked up in PATH and in root's directories; None if it is not installed."""
    return shutil.which(program, path=_PATH)


def as_root(argv: Sequence[str]) -> list[str]:
    """Returns the argv that runs a command as root. Raises LabError if this user is not root and sudo is missing."""
    if os.geteuid() == 0:
        return list(argv)
    if which("sudo") is None:
        raise LabError(f"`{argv[0]}` needs root; run as root or install sudo")
    return ["sudo", *argv]


def in_private_namespaces(argv: Sequence[str]) -> list[str]:
    """Returns the argv that runs a command as root, in mount and process namespaces that end with the caller.

    If the caller is killed, even with SIGKILL, no process and no mount stays.
    """
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return as_root(["setpriv", "--pdeathsig", "KILL", *unshare, *argv])


def run(
    argv: Sequence[str],
    *,
    check: bool = True,
    timeout: float = 60,
    stdin: str | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    Raises LabError if the program is missing, if the command exceeds `timeout` seconds, or (with `check`) if it
    fails.
    """
    environment = {**os.environ, "PATH": _PATH, "LC_ALL": "C"}
    standard_input = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", timeout=timeout,
            cwd=cwd, env=environment, check=False, **standard_input,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise LabError(f"`{argv[0]}` is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{_short(argv)}` took longer than {timeout:.0f} s") from error
    if check and done.returncode:
        reason = last_line(done.stderr or done.stdout)
        raise LabError(f"`{_short(argv)}` failed ({done.returncode}): {reason}")
    return done


def remove_trees(*paths: Path) -> None:
    """Remove those of the paths that exist, as root, but nothing on a file system that is mounted below them."""
    existing = [str(path) for path in paths if os.path.lexists(path)]
    if existing:
        run(as_root(["rm", "-rf", "--one-file-system", *existing]), timeout=300)


def copy_trees(*sources: Path | str, target: Path) -> None:
    """Copy files and directories as root with all attributes, sharing blocks where the file system can."""
    run(as_root(["cp", "-a", "--reflink=auto", *map(str, sources), str(target)]), timeout=600)


def last_line(text: str) -> str:
    """The last line that is not blank; "no output" if there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"


def _short(argv: Sequence[str]) -> str:
    text = " ".join(argv)
    return text if len(text) <= 100 else text[:97] + "..."
