"""The engine's actions, once pyinfra is imported: show an inventory, run a deploy script, or print its changes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

# First: it patches the standard library for gevent.
import pyinfra_cli  # noqa: F401  isort: skip
from pyinfra.api import Config, State
from pyinfra.api.connect import disconnect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_config, ctx_host, ctx_inventory, ctx_state
from pyinfra_cli.util import load_deploy_file

from skerry.local.cluster_lock import cluster_lock
from skerry.local.exit_codes import BAD_INPUT, DONE, FAILED
from skerry.local.journal import Journal
from skerry.local.paths import PROJECT
from skerry.model.errors import InputError
from skerry.operations.errors import BadInput
from skerry.phases.host_spec import host_specs
from skerry.runner import patches
from skerry.runner.connection import connect
from skerry.runner.interrupt import end_when_interrupted
from skerry.runner.inventory import as_plain_values, load, settings_by_host
from skerry.runner.keepalive import KeepAlive
from skerry.runner.prefetch import Prefetch
from skerry.runner.recorder import ConsoleRecorder


def start(arguments: argparse.Namespace) -> int:
    """Do what the command line asks for. Returns the exit code."""
    patches.enter_cli_mode()
    patches.patch_pyinfra()
    # pyinfra's own check stays off: Run._changes checks all hosts at the same time, after all operations are prepared.
    state = State(check_for_changes=False)
    state.cwd = str(PROJECT)
    ctx_state.set(state)
    config = Config()
    ctx_config.set(config)
    try:
        inventory = load(arguments.inventory, arguments.data)
        ctx_inventory.set(inventory)
        # Called for its checks of the settings.
        host_specs()
        if arguments.deploy and not arguments.deploy.is_file():
            raise InputError(f"{arguments.deploy}: no such deploy script; deploy/k3s.py sets up everything")
    except (InputError, BadInput) as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    if arguments.action == "show":
        print(json.dumps(as_plain_values(inventory), default=str))
        return DONE
    state.init(inventory, config, [inventory.get_host(arguments.only)] if arguments.only else None)
    with cluster_lock(arguments.inventory) if arguments.action == "run" else nullcontext():
        return _start_run(state, arguments)


def _start_run(state: State, arguments: argparse.Namespace) -> int:
    with Journal.open(arguments.inventory, str(arguments.deploy)) as journal:
        journal.write_hosts(settings_by_host(state.inventory))
        run = Run(state, arguments.inventory, arguments.deploy, ConsoleRecorder(journal))
        try:
            return run.change() if arguments.action == "run" else run.look()
        finally:
            disconnect_all(state)


class Run:
    """One run of a deploy script."""

    def __init__(self, state: State, inventory: Path, deploy: Path, recorder: ConsoleRecorder) -> None:
        self._state, self._inventory, self._deploy, self._recorder = state, inventory, deploy, recorder
        self._prefetch = Prefetch(inventory, deploy)

    def change(self) -> int:
        """Connect, prepare and execute. Returns the exit code; the journal has the results."""
        end_when_interrupted(self._recorder.interrupted)
        return self._with_hosts(self._execute)

    def look(self) -> int:
        """Connect and prepare, then print {host: [operations that would change it]}. Returns the exit code.

        Each phase decides from what it reads now. A change that only follows from an earlier phase's changes, such as
        a restart, is missing.
        """
        return self._with_hosts(self._print_changes)

    def _execute(self) -> None:
        with self._recorder.preparing():
            changes = self._prepare()
        self._prefetch.save(self._state.inventory.get_active_hosts())
        self._recorder.plan(changes)
        self._state.set_stage(StateStage.Execute)
        run_ops(self._state)

    def _print_changes(self) -> None:
        print(json.dumps(self._prepare()))

    def _prepare(self) -> dict[str, list[str]]:
        """Run the deploy script, which adds its operations to the state. Returns as `_changes` does."""
        load_deploy_file(self._state, str(self._deploy))
        patches.after_imports()
        return self._changes()

    def _with_hosts(self, work: Callable[[], None]) -> int:
        """Connect to all hosts, start the prefetch, then do the work. Returns the exit code."""
        state = self._state
        state.add_callback_handler(self._recorder)
        state.add_callback_handler(KeepAlive())
        state.set_stage(StateStage.Connect)
        if problems := connect(state, self._inventory):
            print("\n".join(problems), file=sys.stderr)
            return BAD_INPUT
        self._prefetch.begin(state.inventory.get_active_hosts())
        state.set_stage(StateStage.Prepare)
        try:
            work()
        except BadInput as error:
            print(error, file=sys.stderr)
            return BAD_INPUT
        except PyinfraError as error:
            # If hosts have failed, this error is "No hosts remaining!", and each failure has been reported.
            if not state.failed_hosts:
                print(error, file=sys.stderr)
            return FAILED
        return FAILED if state.failed_hosts else DONE

    def _changes(self) -> dict[str, list[str]]:
        """Returns the operations that would change each host as it is now, in order: "K3s | Write config.yaml".

        The facts that operations read here are cached until the host changes, so a run need not read them again.
        """
        state, order = self._state, self._state.get_op_order()

        def of_host(host: Any) -> list[str]:
            with ctx_host.use(host):
                return [
                    ", ".join(sorted(state.op_meta[op_hash].names))
                    for op_hash in order
                    if op_hash in state.ops[host] and state.ops[host][op_hash].operation_meta.will_change
                ]

        hosts = list(state.inventory.get_active_hosts())
        return {
            host.name: changes for host, changes in zip(hosts, state.pool.map(of_host, hosts), strict=True)
        }
