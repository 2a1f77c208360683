"""A deploy of two operations for the test of drift: one file may be missing, the other always exists."""

from __future__ import annotations

import os
import shlex

from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.facts.files import File

from skerry.operations import Commands


@operation()
def present(path: str) -> Commands:
    if host.get_fact(File, path=path):
        host.noop("it is there")
    else:
        yield StringCommand(f"touch {shlex.quote(path)}")


present(name="Drift | Create the file", path=os.environ["SKERRY_TEST_FILE"])
present(name="Drift | Keep /etc/passwd", path="/etc/passwd")
