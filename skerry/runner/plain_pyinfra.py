"""Give runs that the `pyinfra` command starts what `invoke up` has: lock, journal and helpful errors.

pyinfra first of all executes config.py in its working directory, which calls `prepare`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from pyinfra.context import ctx_state

from skerry.local.cluster_lock import cluster_lock
from skerry.local.journal import Journal
from skerry.runner import patches
from skerry.runner.connection import ConnectionHelp
from skerry.runner.interrupt import end_when_interrupted
from skerry.runner.inventory import settings_by_host
from skerry.runner.keepalive import KeepAlive
from skerry.runner.recorder import Recorder

NOT_A_DEPLOY = ("exec", "fact", "debug-inventory")


def prepare() -> None:
    """Take the cluster's lock and write a journal, if this run may change hosts. Explain errors in any run.

    Ends the process with exit code 1 if another run holds the lock.
    """
    command, state = click.get_current_context(), ctx_state.get()
    inventory = Path(command.params["inventory"])
    handlers = [KeepAlive(), ConnectionHelp(inventory)]
    if not inventory.is_file() or not _changes_hosts(command.params):
        patches.after_state_init(state, lambda: _add(state, handlers))
        return
    command.with_resource(cluster_lock(inventory))
    journal = command.with_resource(Journal.open(inventory, " ".join(command.params["operations"])))
    recorder = Recorder(journal)
    end_when_interrupted(recorder.interrupted)

    def begin() -> None:
        journal.write_hosts(settings_by_host(state.inventory))
        _add(state, [recorder, *handlers])

    patches.after_state_init(state, begin)


def _changes_hosts(parameters: Mapping[str, Any]) -> bool:
    """Returns whether this command runs deploys or operations, and not only to show what they would do."""
    only_shows = parameters["dry"] or parameters["debug_facts"] or parameters["debug_operations"]
    return not only_shows and parameters["operations"][0] not in NOT_A_DEPLOY


def _add(state: Any, handlers: list[Any]) -> None:
    for handler in handlers:
        state.add_callback_handler(handler)
