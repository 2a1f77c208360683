"""Find kustomize, or unpack Debian's package of it. apt verifies the signature of Debian's archive."""

from __future__ import annotations

import functools
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from skerry.local.console import report
from skerry.local.paths import TOOLS
from skerry.local.tools import run_checked
from skerry.model.errors import InputError

# The first kustomize with `labels`, `patches` with a target and `components`. kubectl contains kustomize 5 since 1.27.
OLDEST_KUSTOMIZE = 5
DEBIAN = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main\n"


@functools.cache
def kustomize() -> tuple[str, ...]:
    """Returns the command that renders a folder: `kubectl kustomize` or `kustomize build`, version 5 or newer."""
    kubectl = shutil.which("kubectl")
    if kubectl and _major(kubectl, "version", "--client") >= OLDEST_KUSTOMIZE:
        return (kubectl, "kustomize")
    unpacked = TOOLS / "kustomize" / "usr" / "bin" / "kustomize"
    for program in (shutil.which("kustomize"), str(unpacked) if unpacked.is_file() else None):
        if program and _major(program, "version") >= OLDEST_KUSTOMIZE:
            return (program, "build")
    return (str(_from_debian()), "build")


def _major(*command: str) -> int:
    """Returns the major version of kustomize that a command prints, 0 if none is recognized."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # Debian's build prints "(devel)" instead of a version. It is kustomize 5 since Debian 13.
    if "(devel)" in done.stdout:
        return OLDEST_KUSTOMIZE
    match = re.search(r"(?:Kustomize Version: )?v(\d+)\.\d+\.\d+\s*$", done.stdout.strip())
    return int(match[1]) if match else 0


def _from_debian() -> Path:
    """Unpack Debian 13's kustomize into .skerry/tools. Returns the program. Raises InputError if that is impossible."""
    apt, keyring = shutil.which("apt-get"), Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    if not apt or not keyring.is_file() or platform.machine() not in ("x86_64", "aarch64"):
        raise InputError(
            "kubectl 1.27 or newer is needed to render overlays; see https://kubernetes.io/docs/tasks/tools/"
        )
    state = TOOLS / "apt"
    for folder in ("lists/partial", "archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "sources.list").write_text(DEBIAN)
    options = [
        f"Dir::Etc::sourcelist={state}/sources.list",
        "Dir::Etc::sourceparts=-",
        f"Dir::State::lists={state}/lists",
    ]
    options += [f"Dir::Cache={state}", "APT::Sandbox::User=root", "Acquire::Languages=none"]
    command = [apt, *(word for option in options for word in ("-o", option))]
    report("kubectl 1.27 or newer is not installed: unpacking Debian 13's kustomize into .skerry/tools")
    for action in (["update"], ["download", "kustomize"]):
        run_checked([*command, *action], cwd=state, remedy="install kubectl 1.27 or newer")
    package = max(state.glob("kustomize_*.deb"), key=lambda path: path.stat().st_mtime)
    part, unpacked = TOOLS / f".kustomize.{os.getpid()}", TOOLS / "kustomize"
    run_checked(
        ["dpkg-deb", "--extract", str(package), str(part)], cwd=state, remedy="install kubectl 1.27 or newer"
    )
    part.rename(unpacked)
    return unpacked / "usr" / "bin" / "kustomize"
