"""Kernel: the modules and sysctls that K3s needs, now and at every boot."""

from __future__ import annotations

import shlex

from pyinfra import host
from pyinfra.api import StringCommand, deploy

from skerry.facts.batch import BatchedFact
from skerry.facts.kernel import Kernel, KernelState
from skerry.model.preparation.kernel import FILES, MODULES, SYSCTLS
from skerry.operations import Commands, operation
from skerry.operations.files import write


@deploy("Kernel")
def kernel() -> None:
    """Load `MODULES` and set `SYSCTLS`, in the running kernel and in the files that are read at boot."""
    fact = BatchedFact(Kernel, modules=list(MODULES), keys=list(SYSCTLS), files=[file.path for file in FILES])
    for file in FILES:
        write(name=f"Write {file.path}", file=file, fact=fact)
    _apply(name="Load modules and apply sysctls", fact=fact)


@operation
def _apply(fact: BatchedFact[KernelState]) -> Commands:
    """Change the running kernel. Modules come first: net.bridge.* exists only with br_netfilter."""
    state = fact.at_start()
    if not state.own_kernel:
        host.noop("a container uses the kernel of its machine")
        return
    if state.missing_modules:
        yield StringCommand(f"PATH=$PATH:/usr/sbin:/sbin modprobe --all {shlex.join(state.missing_modules)}")
    wrong = {key: value for key, value in SYSCTLS.items() if state.sysctls.get(key) != value}
    if wrong:
        pairs = shlex.join(f"{key}={value}" for key, value in wrong.items())
        yield StringCommand(f"PATH=$PATH:/usr/sbin:/sbin sysctl --write {pairs}")
