"""Uninstall: what we brought goes, what we did not stays."""

from __future__ import annotations

import shlex

from pyinfra import host
from pyinfra.api import StringCommand, deploy
from pyinfra.api.exceptions import DeployError

from skerry.facts.batch import BatchedFact
from skerry.facts.installed import Installed, InstalledState
from skerry.model.host_paths import PACKAGES_RECORD
from skerry.model.k3s.paths import KUBECTL
from skerry.model.preparation.apt import REMOVE_UNNEEDED
from skerry.operations import Commands, operation
from skerry.operations.files import remove
from skerry.phases.host_spec import this_host_spec
from skerry.phases.kernel import FILES

DRAIN_SECONDS = 120


@deploy("Uninstall")
def uninstall() -> None:
    """K3s, its data, our kernel configuration and the packages we brought are gone.

    Stays: swap off, the clock, cgroup v2, and packages that something else has come to need.
    Raises DeployError, before anything is touched, when local volumes hold data that nobody gave up.
    """
    found = BatchedFact(Installed, files=[file.path for file in FILES])
    volumes = found.current().volumes
    if volumes and not this_host_spec().settings.uninstall_delete_volumes:
        raise DeployError(
            f"{host.name}: {len(volumes)} local volume(s) hold data in /var/lib/rancher/k3s/storage "
            f"({', '.join(volumes[:3])}{', …' if len(volumes) > 3 else ''}); nothing was removed; "
            "save them, or run `invoke uninstall --delete-volumes`"
        )
    _drain(name="Drain the node", found=found)
    _remove_k3s(name="Remove K3s and its data", found=found)
    for file in FILES:
        remove(name=f"Remove {file.path}", path=file.path, found=found.at_start)
    _remove_packages(name="Remove the packages we brought", found=found)


@operation
def _drain(found: BatchedFact[InstalledState]) -> Commands:
    """Pods get their chance to end well; one that will not does not hold up the removal."""
    node = found.current().node
    if not node:
        host.noop("no node runs here")
        return
    yield StringCommand(
        f"{KUBECTL} drain {shlex.quote(node)} --ignore-daemonsets --delete-emptydir-data --force "
        f"--timeout={DRAIN_SECONDS}s || echo 'not everything was drained in {DRAIN_SECONDS} s' >&2"
    )


@operation
def _remove_k3s(found: BatchedFact[InstalledState]) -> Commands:
    if not found.current().uninstaller:
        host.noop("K3s is not installed")
        return
    yield StringCommand("/usr/local/bin/k3s-uninstall.sh")


@operation
def _remove_packages(found: BatchedFact[InstalledState]) -> Commands:
    """A package is removed only if nothing else would go with it; then the record of ours goes too."""
    state = found.current()
    if not state.packages:
        host.noop("no packages of ours")
        return
    yield StringCommand(
        f"{REMOVE_UNNEEDED}take_off remove {shlex.join(state.packages)} && rm -f {PACKAGES_RECORD}"
    )
