"""Commands on this machine: as a list, bounded in time, with one-line errors."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from skerry.lab.host import LabError

_PATH = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"  # users often lack the last two


def which(program: str) -> str | None:
    """Where a program is, also when only root's PATH has it."""
    return shutil.which(program, path=_PATH)


def as_root(argv: Sequence[str]) -> list[str]:
    """The same command with root's rights; LabError when there is no way to them."""
    if os.geteuid() == 0:
        return list(argv)
    if which("sudo") is None:
        raise LabError(f"`{argv[0]}` needs root; run as root or install sudo")
    return ["sudo", *argv]


def alone(argv: Sequence[str]) -> list[str]:
    """The same command (for root) in mount and process namespaces that end with the caller.

    Killing the caller, even with SIGKILL, leaves neither a process nor a mount behind.
    """
    private = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return as_root(["setpriv", "--pdeathsig", "KILL", *private, *argv])


def run(
    argv: Sequence[str],
    *,
    check: bool = True,
    timeout: float = 60,
    stdin: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; LabError if it is missing, too slow or (with `check`) fails."""
    environment = {**os.environ, "PATH": _PATH, "LC_ALL": "C", **(env or {})}
    quiet = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", timeout=timeout,
            cwd=cwd, env=environment, check=False, **quiet,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise LabError(f"`{argv[0]}` is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{_short(argv)}` took longer than {timeout:.0f} s") from error
    if check and done.returncode:
        raise LabError(
            f"`{_short(argv)}` failed ({done.returncode}): {last_line(done.stderr or done.stdout)}"
        )
    return done


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"


def _short(argv: Sequence[str]) -> str:
    text = " ".join(argv)
    return text if len(text) <= 100 else text[:97] + "..."
