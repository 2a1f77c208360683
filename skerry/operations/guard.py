"""Changes that could lock everyone out. The host itself rolls them back unless a new connection confirms them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from pyinfra.api import Host, State, StringCommand
from pyinfra.api.command import FunctionCommand
from pyinfra.api.exceptions import ConnectError

from skerry.local.console import report
from skerry.local.waiting import remaining_problem
from skerry.model.files import File
from skerry.model.host_paths import GUARD
from skerry.operations import Commands, run_as_root
from skerry.operations.files import write_command


def guarded(
    name: str,
    files: Sequence[File],
    absent: Sequence[str],
    check: str,
    follow: str,
    seconds: int,
    remedy: str,
) -> Commands:
    """Write `files` and remove `absent` under the guard, run `check` and `follow`, then confirm the change.

    `check` tests the new files, `follow` makes services use them. The host rolls the change back after `seconds`, at
    its next boot, or as soon as `check` or `follow` fails. `name` contains "ssh" or "firewall", which tells the guard
    what to reload then. `remedy` is shown if no login succeeds after the change.
    """
    paths = [*(file.path for file in files), *absent]
    yield StringCommand(f"{GUARD} arm {name} {seconds} {shlex.join(paths)}")
    yield from map(write_command, files)
    if absent:
        yield StringCommand(f"rm -f {shlex.join(absent)}")
    yield StringCommand(
        f"PATH=$PATH:/usr/sbin:/sbin; {{ {check}; }} && {{ {follow}; }} || {{ {GUARD} rollback; exit 1; }}"
    )
    yield FunctionCommand(confirm, (seconds, remedy), {})


def confirm(state: State, host: Host, seconds: int, remedy: str) -> bool:
    """Disarm the guard over a new connection. If that fails for half of `seconds`, roll back and return False.

    The other half is for a rollback over the old connection, before the host's own.
    """
    problem = remaining_problem(lambda: _login_problem(state, host, f"{GUARD} disarm"), seconds / 2)
    if problem:
        report(
            f"{host.name}: nobody could log in any more after this change ({problem}); {remedy}",
        )
        _roll_back(host, seconds)
    return not problem


def _login_problem(state: State, host: Host, command: str) -> str:
    """Returns why `command` failed, or could not run, over a new connection; "" if it succeeded."""
    connector: Any = type(host.connector)(state, host)
    try:
        connector.connect()
        succeeded, output = connector.run_shell_command(
            StringCommand(command), _sudo=bool(host.data.get("_sudo"))
        )
        return "" if succeeded else output.stderr or "no reason given"
    except (ConnectError, OSError, EOFError) as error:
        return str(error) or type(error).__name__
    finally:
        if client := getattr(connector, "client", None):
            client.close()


def _roll_back(host: Host, seconds: int) -> None:
    try:
        rolled_back, _ = run_as_root(host, f"{GUARD} rollback", _timeout=20)
    except Exception:
        # The old connection is lost, too, whatever the exception is. The host rolls back by itself.
        rolled_back = False
    outcome = "it was taken back" if rolled_back else f"the host takes it back by itself within {seconds} s"
    report(f"{host.name}: {outcome}")
