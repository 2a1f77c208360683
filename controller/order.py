"""The order of operations as pyinfra finds it, without the source files that it reads for that.

pyinfra orders operations by the lines of the calls that lead to them. It asks `inspect` for every frame's source,
three times per operation and host: 10 ms each, 7 s of a run on twenty hosts. The lines are in the frames already.
tests/unit/test_order.py compares both with the installed pyinfra.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pyinfra

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
    """Have pyinfra order by `lines` from now on."""
    OPERATION.get_operation_order_from_stack = lines
