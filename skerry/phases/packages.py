"""Packages: what the later phases and K3s need from the distribution."""

from __future__ import annotations

import shlex

from pyinfra import host
from pyinfra.api import StringCommand, deploy

from skerry.facts.batch import BatchedFact
from skerry.facts.packages import Packages, PackageState
from skerry.model.host_paths import PACKAGES_RECORD, STATE
from skerry.model.preparation.apt import WITH_APT_LOCK_RETRY, install
from skerry.operations import Commands, operation
from skerry.phases.host_spec import this_host_spec

# ca-certificates and curl fetch artifacts; conntrack, iptables, ipset and socat are what K3s and the
# kubelet call when their bundled copies are not preferred; kmod loads modules.
REQUIRED = ("ca-certificates", "conntrack", "curl", "ipset", "iptables", "kmod", "socat")
# On Ubuntu 20.04 and Debian 11 and later, systemd-timesyncd is a package of its own.
CLOCK = {"systemd-timesyncd": ("systemd-timesyncd",), "chrony": ("chrony",), "none": ()}


@deploy("Packages")
def packages() -> None:
    """Every package in `REQUIRED`, the time service's and `packages_extra` is installed."""
    settings = this_host_spec().settings
    wanted = sorted({*REQUIRED, *CLOCK[settings.time_sync], *settings.packages_extra})
    _install(name="Install missing packages", found=BatchedFact(Packages, packages=wanted))


@operation
def _install(found: BatchedFact[PackageState]) -> Commands:
    state = found.current()
    if state.interrupted:
        yield StringCommand(f"{WITH_APT_LOCK_RETRY}patiently dpkg --force-confold --configure -a")
    if state.missing:
        yield StringCommand(install_script(state.missing))
    if not (state.interrupted or state.missing):
        host.noop("all packages are installed")


def install_script(missing: tuple[str, ...]) -> str:
    """Record first, install second: a run killed in between leaves a record that is too long, not too short."""
    names = shlex.join(missing)
    return (
        f"umask 022 && mkdir -p {STATE} && printf '%s\\n' {names} >> {PACKAGES_RECORD} && "
        f"{{ {install(names)}; }}"
    )
