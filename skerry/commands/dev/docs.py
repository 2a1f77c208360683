"""`invoke docs`: build the documentation, and fail on references that lead nowhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from skerry.local.paths import PROJECT

SOURCE = PROJECT / "docs"
OUTPUT = SOURCE / "_build" / "html"


def build(output: Path = OUTPUT) -> int:
    """Build docs/ into `output`. Returns 1 if a page, a reference or a link inside the project is wrong, else 0."""
    command = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", "-b", "html"]
    cache = output.with_name("doctrees")
    done = subprocess.run([*command, "-d", str(cache), str(SOURCE), str(output)], cwd=PROJECT, check=False)
    return 1 if done.returncode else 0


def show() -> int:
    """Build the pages, and print the next step. Returns the exit code."""
    code = build()
    print(f"Next: open {OUTPUT / 'index.html'}" if code == 0 else "fix the warnings above")
    return code
