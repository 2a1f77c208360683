"""A quicker start of Python: to be imported before anything else by a process that drives pyinfra.

- gevent and pyinfra ask which plugins there are a dozen times, and each time every installed package's list is read:
  0.15 s in all. They are read once.
- paramiko imports invoke for `Match exec` in an ssh_config, which takes 0.1 s with all that invoke imports. It is
  loaded at first use.
- Nothing that is imported becomes garbage; looking for it while importing costs a tenth of the time. `imported()`
  lets the collector do its work from then on.

tests/unit/runner/test_economy.py compares the plugins found with those that Python finds.
"""

from __future__ import annotations

import gc
import sys
from importlib import metadata, util
from typing import Any

gc.disable()

spec = util.find_spec("invoke")
assert spec is not None
assert spec.loader is not None
loader, invoke = spec.loader, util.module_from_spec(spec)


def _load(name: str) -> Any:
    """Asked for what invoke has not yet. gevent looks at every object there is; util.LazyLoader's would load then."""
    if name.startswith("__"):
        raise AttributeError(name)
    del invoke.__dict__["__getattr__"]
    loader.exec_module(invoke)
    return getattr(invoke, name)


invoke.__dict__["__getattr__"] = _load
sys.modules["invoke"] = invoke

metadata.entry_points = metadata.entry_points().select


def imported() -> None:
    """All that is needed has been imported: what comes from now on may be garbage."""
    gc.freeze()
    gc.enable()
