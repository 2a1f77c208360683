"""What pyinfra works out over and over, at less cost: four of its names are replaced.

- It orders operations by the lines of the calls that lead to them, and asks `inspect` for every frame's source to
  find them: 10 ms for each operation and host. The lines are in the frames already.
- It evaluates the type hints of its global arguments for each operation: 1 ms. They do not change.
- It looks for each of them in every layer of a host's data, by an exception for each layer that lacks it: 1 ms
  for each operation and host. Whether a layer has it can be asked.
- It parses a file of group data for each name in it: 80 ms for ours. Nor does that change.

tests/unit/runner/test_economy.py compares each with the pyinfra that is installed.
"""

from __future__ import annotations

import functools
import importlib
import sys
from copy import copy
from pathlib import Path
from types import FrameType
from typing import Any

import pyinfra
from pyinfra.api import arguments
from pyinfra.api.host import HostData
from pyinfra_cli import inventory

OPERATION: Any = importlib.import_module("pyinfra.api.operation")  # pyinfra.api has a function of that name
INSTALLED = str(Path(pyinfra.__file__).parent)


def lines(state: Any) -> list[int]:
    """What pyinfra.api.util.get_operation_order_from_stack returns."""
    frames: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame:
        frames.insert(0, frame)
        frame = frame.f_back
    files = [each.f_code.co_filename for each in frames]
    deploy = state.current_deploy_filename
    begin = files.index(deploy) if deploy in files else len(files) if deploy else 0
    own = [each.f_lineno for each in frames[begin:] if not each.f_code.co_filename.startswith(INSTALLED)]
    return [state.current_op_file_number, *own] if pyinfra.is_cli else own


def datum(data: Any, key: str) -> Any:
    """What pyinfra.api.host.HostData.__getattr__ returns."""
    for layer in data.datas:
        values = layer() if callable(layer) else layer
        if key in values:
            return copy(values[key])
    raise AttributeError(f"Host `{data.host}` has no data `{key}`")


def use() -> None:
    """Have pyinfra work this way from now on."""
    OPERATION.get_operation_order_from_stack = lines
    arguments.all_global_arguments = functools.cache(arguments.all_global_arguments)
    HostData.__getattr__ = datum  # type: ignore[method-assign]
    inventory._get_imported_names = functools.cache(inventory._get_imported_names)
