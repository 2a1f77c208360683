"""Every patch of Python and pyinfra in one file, each with what it gains and what upstream does there.

Gains are CPU seconds of a run of deploy/k3s.py that changes nothing on one host, 0.46 s in all: the median of 20 rounds
in which runs with the patch and without it took turns (docs/explanation/decisions/007-patches-of-pyinfra.md).
tests/unit/runner/test_patches.py compares each result with that of the installed Python and pyinfra.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any


def before_imports() -> None:
    """Make the imports of gevent and pyinfra cheaper. Call it before them.

    - 0.14 s: imports leave no garbage, but Python searches for garbage again and again meanwhile. Nothing to report
      upstream.
    - 0.09 s: gevent.monkey and pyinfra.api.connectors ask for entry points a dozen times, and each time
      importlib.metadata reads the metadata of every installed package. Not reported; on what importing pyinfra costs
      see github.com/pyinfra-dev/pyinfra/issues/1605.
    """
    gc.disable()
    metadata.entry_points = metadata.entry_points().select


def after_imports() -> None:
    """Turn garbage collection on again, but never search what has been imported."""
    gc.freeze()
    gc.enable()


def patch_pyinfra() -> None:
    """Replace two slow functions of pyinfra.

    - 0.08 s with one host, 0.3 of 0.8 s with ten: pyinfra.api.util.get_operation_order_from_stack calls
      inspect.stack(), which reads the source of every frame, for each operation and host. Not reported.
    - 0.04 s, and half of it when an inventory is only shown: pyinfra_cli.inventory._get_group_data parses a file of
      group data again for each name in it, since github.com/pyinfra-dev/pyinfra/pull/1676. Not reported.
    """
    from pyinfra_cli import inventory

    # Imported by name, because pyinfra.api has a function `operation`, too.
    operation: Any = sys.modules["pyinfra.api.operation"]
    operation.get_operation_order_from_stack = operation_order
    inventory._get_imported_names = functools.cache(inventory._get_imported_names)


def operation_order(state: Any) -> list[int]:
    """Returns what pyinfra.api.util.get_operation_order_from_stack does: the lines that led to the operation."""
    import pyinfra

    frames: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame:
        frames.insert(0, frame)
        frame = frame.f_back
    files = [frame.f_code.co_filename for frame in frames]
    deploy = state.current_deploy_filename
    begin = files.index(deploy) if deploy in files else len(files) if deploy else 0
    installed = str(Path(pyinfra.__file__).parent)
    own = [frame.f_lineno for frame in frames[begin:] if not frame.f_code.co_filename.startswith(installed)]
    return [state.current_op_file_number, *own] if pyinfra.is_cli else own


def enter_cli_mode() -> None:
    """Let pyinfra work as its own command does, but report errors only where they are handled.

    Without CLI mode pyinfra identifies operations by their number alone, and would pair unrelated operations of hosts
    whose lists of operations differ. pyinfra_cli.main.main does this for the `pyinfra` command.
    """
    import logging

    import click
    import gevent
    import pyinfra
    from pyinfra.api.output import set_echo, set_formatter
    from pyinfra_cli.log import setup_logging

    pyinfra.is_cli = True
    set_formatter(click.style)
    set_echo(click.echo)
    setup_logging("WARNING")
    # A rebooting host closes its connection: paramiko would log the error, and gevent would print it.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    gevent.get_hub().exception_stream = None


def after_state_init(state: Any, then: Callable[[], None]) -> None:
    """Call `then` once pyinfra's command has loaded the inventory into its state.

    pyinfra.api.state.State.init empties the list of callback handlers, and the command offers no hook between that and
    the connections. Not reported.
    """
    init = state.init

    def init_and_then(*args: Any, **kwargs: Any) -> None:
        init(*args, **kwargs)
        then()

    state.init = init_and_then
