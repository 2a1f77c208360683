"""Changes that could lock everybody out: armed with a rollback on the host, proven over a new connection."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Any

from pyinfra.api import Host, State, StringCommand
from pyinfra.api.command import FunctionCommand
from pyinfra.api.exceptions import ConnectError

from skerry.local.waiting import remaining_problem
from skerry.model.files import File
from skerry.model.host_paths import GUARD
from skerry.operations import Commands, as_root
from skerry.operations.files import write_script


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
    reason = remaining_problem(lambda: _login_problem(state, host, f"{GUARD} disarm"), seconds / 2)
    if reason:
        print(
            f"{host.name}: nobody could log in any more after this change ({reason}); {remedy}",
            file=sys.stderr,
        )
        _take_back(host, seconds)
    return not reason


def _login_problem(state: State, host: Host, command: str) -> str:
    """Why `command` did not run over a new connection; "" if it did."""
    connector: Any = type(host.connector)(state, host)
    try:
        connector.connect()
        fine, output = connector.run_shell_command(StringCommand(command), _sudo=bool(host.data.get("_sudo")))
        return "" if fine else output.stderr or "no reason given"
    except (ConnectError, OSError, EOFError) as error:
        return str(error) or type(error).__name__
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
