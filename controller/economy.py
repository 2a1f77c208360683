"""What pyinfra works out anew for each operation on each host, at less cost: two of its names are replaced.

- It orders operations by the lines of the calls that lead to them, and asks `inspect` for every frame's source to
  find them: 10 ms for each operation and host. The lines are in the frames already.
- It evaluates the type hints of its global arguments each time: 1 ms. They do not change.

tests/unit/test_economy.py compares both with the pyinfra that is installed.
"""

from __future__ import annotations

import functools
import importlib
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pyinfra
from pyinfra.api import arguments

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


def use() -> None:
    """Have pyinfra work this way from now on."""
    OPERATION.get_operation_order_from_stack = lines
    arguments.all_global_arguments = functools.cache(arguments.all_global_arguments)
