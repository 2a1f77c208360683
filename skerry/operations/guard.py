"""Changes that could lock everybody out: armed with a rollback on the host, proven over a new connection."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from typing import Any

from pyinfra.api import Host, State, StringCommand
from pyinfra.api.command import FunctionCommand
from pyinfra.api.exceptions import ConnectError

from skerry.model.files import File
from skerry.model.host_paths import GUARD
from skerry.operations import Commands, as_root
from skerry.operations.files import write_script

PAUSE_SECONDS = 1.0  # between two attempts to log in


def guarded(
    name: str,
    files: Sequence[File],
    absent: Sequence[str],
    check: str,
    follow: str,
    seconds: int,
    remedy: str,
) -> Commands:
    """The commands that make `files` stand and `absent` go, then `check` and `follow` run, then prove or take back.

    The host takes everything back by itself in `seconds`, and at its next boot, unless a connection made afterwards
    says that the change locks nobody out. A failed `check` takes it back at once.
    """
    paths = [*(file.path for file in files), *absent]
    yield StringCommand(f"{GUARD} arm {name} {seconds} {shlex.join(paths)}")
    for file in files:
        yield StringCommand(write_script(file), _stdin=file.content)
    if absent:
        yield StringCommand(f"rm -f {shlex.join(absent)}")
    yield StringCommand(
        f"PATH=$PATH:/usr/sbin:/sbin; {{ {check}; }} && {{ {follow}; }} || {{ {GUARD} rollback; exit 1; }}"
    )
    yield FunctionCommand(prove, (seconds, remedy), {})


def prove(state: State, host: Host, seconds: int, remedy: str) -> bool:
    """Disarm over a new connection. Where none comes to be, take the change back over the old one and say so."""
    deadline = time.monotonic() + seconds / 2
    reason = ""
    while time.monotonic() < deadline:
        try:
            fine, reason = _over_new_connection(state, host, f"{GUARD} disarm")
        except (ConnectError, OSError, EOFError) as error:
            fine, reason = False, str(error)
        if fine:
            return True
        time.sleep(PAUSE_SECONDS)
    print(
        f"{host.name}: nobody could log in any more after this change ({reason}); {remedy}", file=sys.stderr
    )
    _take_back(host, seconds)
    return False


def _over_new_connection(state: State, host: Host, command: str) -> tuple[bool, str]:
    connector: Any = type(host.connector)(state, host)
    connector.connect()
    try:
        fine, output = connector.run_shell_command(StringCommand(command), _sudo=bool(host.data.get("_sudo")))
        return fine, output.stderr
    finally:
        if client := getattr(connector, "client", None):
            client.close()


def _take_back(host: Host, seconds: int) -> None:
    try:
        taken, _ = as_root(host, f"{GUARD} rollback", _timeout=20)
    except Exception:  # the old connection is gone, too: whatever it says, the host acts by itself
        taken = False
    said = "it was taken back" if taken else f"the host takes it back within {seconds} s of it, by itself"
    print(f"{host.name}: {said}", file=sys.stderr)
