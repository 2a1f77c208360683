"""Uninstall: remove K3s and what Skerry installed for K3s, and nothing else."""

from __future__ import annotations

import shlex

from pyinfra import host
from pyinfra.api import StringCommand, deploy
from pyinfra.api.exceptions import DeployError

from skerry.facts.batch import BatchedFact
from skerry.facts.installed import Installed, InstalledState
from skerry.model.host_paths import PACKAGES_RECORD
from skerry.model.k3s.drain import drain_command
from skerry.model.preparation.apt import REMOVE_UNNEEDED
from skerry.model.preparation.kernel import FILES
from skerry.operations import Commands, operation
from skerry.operations.files import remove
from skerry.phases.host_spec import this_host_spec

DRAIN_SECONDS = 120


@deploy("Uninstall")
def uninstall() -> None:
    """Remove K3s, its data, our kernel configuration and the packages that we installed.

    Swap stays off; the time service, cgroup v2 and packages that others need stay. Raises DeployError, before any
    change, if local volumes hold data and uninstall_delete_volumes is off.
    """
    fact = BatchedFact(Installed, files=[file.path for file in FILES])
    volumes = fact.current().volumes
    if volumes and not this_host_spec().settings.uninstall_delete_volumes:
        raise DeployError(
            f"{host.name}: {len(volumes)} local volume(s) hold data in /var/lib/rancher/k3s/storage "
            f"({', '.join(volumes[:3])}{', …' if len(volumes) > 3 else ''}); nothing was removed; "
            "save them, or run `invoke uninstall --delete-volumes`"
        )
    _drain(name="Drain the node", fact=fact)
    _remove_k3s(name="Remove K3s and its data", fact=fact)
    for file in FILES:
        remove(name=f"Remove {file.path}", path=file.path, fact=fact)
    _remove_packages(name="Remove the packages we brought", fact=fact)


@operation
def _drain(fact: BatchedFact[InstalledState]) -> Commands:
    """Drain the node, so that pods end properly. A pod that does not end in time does not stop the removal."""
    node = fact.current().node
    if not node:
        host.noop("no node runs here")
        return
    command = drain_command(node, DRAIN_SECONDS, "--force")
    yield StringCommand(f"{command} || echo 'not everything was drained in {DRAIN_SECONDS} s' >&2")


@operation
def _remove_k3s(fact: BatchedFact[InstalledState]) -> Commands:
    if not fact.current().uninstaller:
        host.noop("K3s is not installed")
        return
    yield StringCommand("/usr/local/bin/k3s-uninstall.sh")


@operation
def _remove_packages(fact: BatchedFact[InstalledState]) -> Commands:
    """Remove the packages that we installed and that no other package needs, then the record of our packages."""
    packages = fact.current().packages
    if not packages:
        host.noop("no packages of ours")
        return
    yield StringCommand(f"{REMOVE_UNNEEDED}take_off remove {shlex.join(packages)} && rm -f {PACKAGES_RECORD}")
