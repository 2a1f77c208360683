"""Packages: the distribution's packages that the later phases and K3s need."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import StringCommand, deploy

from skerry.facts.batch import BatchedFact
from skerry.facts.packages import Packages, PackageState
from skerry.model.preparation import clock
from skerry.model.preparation.apt import WITH_APT_LOCK_RETRY
from skerry.model.preparation.packages import REQUIRED, install_script
from skerry.operations import Commands, operation
from skerry.phases.host_spec import this_host_spec


@deploy("Packages")
def packages() -> None:
    """Install what is missing of `REQUIRED`, the time service's packages and `packages_extra`."""
    settings = this_host_spec().settings
    names = sorted({*REQUIRED, *clock.PACKAGES[settings.time_sync], *settings.packages_extra})
    _install(name="Install missing packages", fact=BatchedFact(Packages, packages=names))


@operation
def _install(fact: BatchedFact[PackageState]) -> Commands:
    state = fact.current()
    # First: apt refuses to install anything while dpkg is interrupted.
    if state.interrupted:
        yield StringCommand(f"{WITH_APT_LOCK_RETRY}patiently dpkg --force-confold --configure -a")
    if state.missing:
        yield StringCommand(install_script(state.missing))
    if not (state.interrupted or state.missing):
        host.noop("all packages are installed")
