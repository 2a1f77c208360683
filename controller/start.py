"""A quicker start of Python: to be imported before anything else by a process that drives pyinfra.

- gevent and pyinfra ask which plugins there are a dozen times, and each time every installed package's list is read:
  0.15 s in all. They are read once.
- paramiko imports invoke for `Match exec` in an ssh_config, which takes 0.07 s with all that invoke imports. It is
  loaded at first use.
- Nothing that is imported becomes garbage; looking for it while importing costs a tenth of the time. `imported()`
  lets the collector do its work from then on.

tests/unit/test_economy.py compares the plugins found with those that Python finds.
"""

from __future__ import annotations

import gc
import sys
from importlib import metadata, util

gc.disable()

invoke = util.find_spec("invoke")
assert invoke is not None
assert invoke.loader is not None
invoke.loader = util.LazyLoader(invoke.loader)
sys.modules["invoke"] = util.module_from_spec(invoke)
invoke.loader.exec_module(sys.modules["invoke"])

metadata.entry_points = metadata.entry_points().select


def imported() -> None:
    """All that is needed has been imported: what comes from now on may be garbage."""
    gc.freeze()
    gc.enable()
