"""The one place that drives pyinfra: a child process, because pyinfra turns the standard library over to gevent.

`python -m skerry.runner.engine show INVENTORY` prints an inventory as JSON; `… run INVENTORY
DEPLOY` changes its hosts; `… look INVENTORY DEPLOY` prints what that would change, as JSON, and changes nothing.
tests/unit/runner/test_engine.py says when a pyinfra release moves what is used here.
"""

from __future__ import annotations

# isort: off
from skerry.local.paths import PROJECT
from skerry.runner import fast_imports as start  # first: all that is imported comes quicker
import pyinfra_cli  # noqa: F401  patches the standard library for gevent

# isort: on
import argparse
import ast
import importlib
import json
import logging
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import gevent
import pyinfra
from pyinfra import logger
from pyinfra.api import Config, State
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operations import run_ops
from pyinfra.api.output import set_echo, set_formatter
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_config, ctx_host, ctx_inventory, ctx_state
from pyinfra_cli.exceptions import UnexpectedExternalError
from pyinfra_cli.inventory import make_inventory_from_files
from pyinfra_cli.log import setup_logging
from pyinfra_cli.util import exec_file, load_deploy_file

from skerry.local.journal import Journal, Recorder, end_when_interrupted
from skerry.model.errors import InputError
from skerry.operations.errors import BadInput
from skerry.phases.host_spec import host_specs
from skerry.runner import economy
from skerry.runner import shell_sockets as doors
from skerry.runner.keepalive import Patience
from skerry.runner.prefetch import Foresight

FAILED, BAD_INPUT = 1, 2


def load(path: Path, override: dict[str, Any]) -> Any:
    """pyinfra's inventory from a file. Raises InputError with file and line for a mistake in it."""
    if not path.is_file():
        raise InputError(f"{path}: no such inventory; the worked example is inventories/oslo.py")
    try:
        _check_groups(exec_file(str(path), return_locals=True))
        inventory = make_inventory_from_files(str(path), override_data=override, cwd=str(PROJECT))
    except UnexpectedExternalError as error:
        raise InputError(_python_mistake(error.exception)) from None
    except SystemExit as error:  # how an inventory of ours says that it has no hosts to offer
        raise InputError(str(error)) from None
    except SyntaxError as error:
        raise InputError(f"{error.filename}:{error.lineno}: {error.msg}") from None
    except PyinfraError as error:
        raise InputError(f"{path}: {error}") from None
    if not len(inventory):
        raise InputError(
            f'{path}: no hosts; put them in a list named servers, such as servers = ["192.0.2.10"]'
        )
    return inventory


def _check_groups(names: dict[str, Any]) -> None:
    """Raises InputError for a host listed twice in a group: pyinfra would keep one of them and say nothing."""
    for group in ("servers", "agents"):
        listed = [each[0] if isinstance(each, tuple) else each for each in names.get(group, [])]
        for host, count in Counter(listed).items():
            if count > 1:
                raise InputError(f"group {group}: {host} is listed {count} times; keep one")


def _python_mistake(error: BaseException) -> str:
    """Where in the user's own file an exception came from: "file:line: what"."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if "pyinfra" not in frame.filename]
    place = f"{own[-1].filename}:{own[-1].lineno}: " if own else ""
    return f"{place}{type(error).__name__}: {error}"


def show(inventory: Any) -> dict[str, Any]:
    """Groups and each host's data, as plain values."""
    return {
        "groups": {
            name: [host.name for host in inventory.get_group(name, [])] for name in ("servers", "agents")
        },
        "hosts": {host.name: host.data.dict() for host in inventory},
    }


def run(state: State, deploy: Path, journal: Journal, foresight: Foresight) -> int:
    """Connect, prepare, execute. Returns the exit code; results are in the journal."""
    recorder = Recorder(journal)
    end_when_interrupted(recorder.leave)

    def change() -> None:
        with recorder.preparing():
            load_deploy_file(state, str(deploy))
            changes = _changes(state)
        foresight.keep(state.inventory.get_active_hosts())
        recorder.foretell(changes)
        state.set_stage(StateStage.Execute)
        run_ops(state)

    return _with_hosts(state, deploy, recorder, foresight, change)


def look(state: State, deploy: Path, journal: Journal, foresight: Foresight) -> int:
    """Connect and prepare, no more: prints {host: [operations that would change it]}. Returns the exit code.

    Every phase decides from what it reads of the host now. What a phase would decide only after an earlier one
    has changed the host, a restart say, is therefore not foretold.
    """

    def foretell() -> None:
        load_deploy_file(state, str(deploy))
        print(json.dumps(_changes(state)))

    return _with_hosts(state, deploy, Recorder(journal), foresight, foretell)


def _with_hosts(
    state: State, deploy: Path, recorder: Recorder, foresight: Foresight, work: Callable[[], None]
) -> int:
    """Connect to all hosts, then `work`. Returns the exit code."""
    state.add_callback_handler(recorder)
    state.add_callback_handler(Patience())
    state.set_stage(StateStage.Connect)
    reaching = gevent.spawn(_reach, state, recorder, foresight)
    _import_phases(deploy)
    if mistakes := reaching.get():
        print("\n".join(mistakes), file=sys.stderr)
        return BAD_INPUT
    state.set_stage(StateStage.Prepare)
    try:
        work()
    except BadInput as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except PyinfraError as error:
        if not state.failed_hosts:  # else their operations have been told, and this is "No hosts remaining!"
            print(error, file=sys.stderr)
        return FAILED
    return FAILED if state.failed_hosts else 0


def _reach(state: State, recorder: Recorder, foresight: Foresight) -> list[str]:
    """Connect to every host and have it begin to read. Returns a line for each mistake that prevents it."""
    mistakes = _connect(state, recorder) or _no_sudo(state)
    if not mistakes:
        foresight.begin(state.inventory.get_active_hosts())
    return mistakes


def _import_phases(deploy: Path) -> None:
    """What a deploy script imports, while connections are made: each import begins with a look at those.

    Whatever is wrong with the script is said when it is run.
    """
    with suppress(Exception):
        for statement in ast.parse(deploy.read_text()).body:
            if isinstance(statement, ast.ImportFrom) and statement.module:
                gevent.idle()
                importlib.import_module(statement.module)
    start.imported()


def _changes(state: State) -> dict[str, list[str]]:
    """The operations that would change each host as it is now, in order: "K3s | Write config.yaml".

    What they read of a host is still true when they run, so that a run pays nothing for this look.
    """
    order = state.get_op_order()

    def changes(host: Any) -> list[str]:
        with ctx_host.use(host):
            mine = [op_hash for op_hash in order if op_hash in state.ops[host]]
            changing = [each for each in mine if state.ops[host][each].operation_meta.will_change]
            return [", ".join(sorted(state.op_meta[each].names)) for each in changing]

    hosts = list(state.inventory.get_active_hosts())
    return {host.name: mine for host, mine in zip(hosts, state.pool.map(changes, hosts), strict=True)}


def _connect(state: State, recorder: Recorder) -> list[str]:
    """Connect to every host. Returns a line for each that cannot be: what is wrong, and what to do."""
    logger.setLevel(logging.CRITICAL)  # pyinfra would say the same in other words
    try:
        connect_all(state)
    except PyinfraError as error:
        if not recorder.unreachable:  # not about a host: a key file that is not there, say
            return [f"{error}; no host was changed"]
    finally:
        logger.setLevel(logging.WARNING)
    return [
        f"{name}: {explain(why, state.inventory.get_host(name).data)}; no host was changed"
        for name, why in recorder.unreachable.items()
    ]


def explain(why: str, data: Any) -> str:
    """pyinfra's reason for a failed connection in plain words, with the remedy."""
    place = f"{data.get('ssh_hostname') or 'the host'} port {data.get('ssh_port') or 22}"
    known_hosts = data.get("ssh_known_hosts_file")
    if "StrictPolicy" in why:
        return f"the host key of {place} is not in {known_hosts} yet; run `invoke trust` with this inventory"
    if "host key" in why:
        return f"{place} shows another host key than the one in {known_hosts}; find out why before you remove that"
    if "Authentication" in why:
        key = data.get("ssh_key") or "any key of yours"
        return f"{data.get('ssh_user')} at {place} does not accept {key}; see ssh_user and ssh_key"
    return f"{place} cannot be reached: {why}; see ssh_hostname and ssh_port"


def _no_sudo(state: State) -> list[str]:
    """A line for each host where sudo would ask: pyinfra would wait at the terminal, an unattended run for ever."""

    def works(host: Any) -> bool:
        _, stdout, _ = host.connector.client.exec_command("sudo -n true")
        return bool(stdout.channel.recv_exit_status() == 0)

    hosts = [host for host in state.inventory.get_active_hosts() if host.data.get("_sudo")]
    asked = [host for host, fine in zip(hosts, state.pool.map(works, hosts), strict=True) if not fine]
    return [
        f"{host.name}: {user} may not use sudo without a password; add `{user} ALL=(ALL) NOPASSWD:ALL` "
        "in /etc/sudoers.d, or connect as root; no host was changed"
        for host, user in ((each, each.data.get("ssh_user")) for each in asked)
    ]


def main() -> int:
    """The exit code: 0 done, 1 failed, 2 bad input; 130 interrupted."""
    end_when_interrupted()
    parser = argparse.ArgumentParser(prog="skerry.runner.engine")
    parser.add_argument("action", choices=("show", "run", "look"))
    parser.add_argument("inventory", type=Path)
    parser.add_argument("deploy", type=Path, nargs="?")
    parser.add_argument("--only", default="", help="the one host to change; the others are not connected to")
    parser.add_argument("--data", type=json.loads, default={}, help="settings that override the inventory's")
    parser.add_argument(
        "--lend", type=Path, help="a folder for sockets to the hosts, after a run that went well"
    )
    arguments = parser.parse_args()
    pyinfra.is_cli = True
    economy.use()
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # a host that reboots is no news
    gevent.get_hub().exception_stream = None  # exceptions are told where they are caught, not twice
    set_formatter(click.style)
    set_echo(click.echo)
    setup_logging("WARNING")
    state = State(check_for_changes=False)  # _changes looks once, all hosts and phases in one go
    state.cwd = str(PROJECT)
    ctx_state.set(state)
    config = Config()
    ctx_config.set(config)
    try:
        inventory = load(arguments.inventory, arguments.data)
        ctx_inventory.set(inventory)
        host_specs()
        if arguments.deploy and not arguments.deploy.is_file():
            raise InputError(f"{arguments.deploy}: no such deploy script; deploy/k3s.py is the whole road")
    except (InputError, BadInput) as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    if arguments.action == "show":
        print(json.dumps(show(inventory), default=str))
        return 0
    only = [inventory.get_host(arguments.only)] if arguments.only else None
    state.init(inventory, config, initial_limit=only)
    action = look if arguments.action == "look" else run
    with Journal.open(arguments.inventory, arguments.deploy, inventory, changes=action is run) as journal:
        try:
            foresight = Foresight(arguments.inventory, arguments.deploy)
            code = action(state, arguments.deploy, journal, foresight)
            if code == 0 and arguments.lend:
                doors.hold(state, arguments.lend)
            return code
        finally:
            disconnect_all(state)


if __name__ == "__main__":
    sys.exit(main())
