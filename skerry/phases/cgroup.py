"""cgroup: from v1 to v2 if the K3s version needs it, with one controlled reboot."""

from __future__ import annotations

from pyinfra import host, inventory
from pyinfra.api import StringCommand, deploy

from skerry.facts.batch import BatchedFact
from skerry.facts.cgroup import Cgroup, CgroupState
from skerry.model.k3s.versions import K3sVersion, accepts_cgroup_v1
from skerry.model.preparation.cgroup import GRUB
from skerry.operations import Commands, operation, refuse
from skerry.operations.files import write_command
from skerry.phases.host_spec import this_host_spec
from skerry.phases.preflight import all_host_facts


@deploy("cgroup")
def cgroup() -> None:
    """Make the host run cgroup v2 if its K3s version refuses v1. Preflight has checked that the host supports v2."""
    settings = this_host_spec().settings
    if accepts_cgroup_v1(K3sVersion.parse(settings.k3s_version)):
        return
    fact = BatchedFact(Cgroup, file=GRUB.path)
    _ask_for_v2(name="Ask for cgroup v2 at boot", fact=fact)
    _reboot(name="Reboot into cgroup v2", fact=fact, seconds=settings.reboot_timeout_seconds)


@operation
def _ask_for_v2(fact: BatchedFact[CgroupState]) -> Commands:
    """Write the GRUB drop-in and update GRUB's menu, unless the host runs v2 already."""
    state = fact.current()
    if state.v2:
        host.noop("the host runs cgroup v2")
        return
    written = state.files.get(GRUB.path) == GRUB.state
    if not written:
        yield write_command(GRUB)
    if not written or not state.in_menu:
        yield StringCommand("PATH=$PATH:/usr/sbin:/sbin update-grub")


@operation
def _reboot(fact: BatchedFact[CgroupState], seconds: int) -> Commands:
    """Reboot the host, but refuse to reboot a running server of a cluster, which `invoke reboot` drains first."""
    if fact.current().v2:
        host.noop("the host runs cgroup v2")
        return
    if len(inventory) > 1 and all_host_facts()[host.name].server_state == "active":
        yield refuse(
            "it runs cgroup v1 and has to boot for v2: run `invoke reboot`, one host after the other"
        )
    # Imported here: this module imports facts of every distribution, 0.06 s that only a reboot should cost.
    from pyinfra.operations import server

    yield from server.reboot._inner(delay=5, reboot_timeout=seconds)
    yield StringCommand(
        '[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || { echo "the host still runs cgroup v1 after its reboot: '
        'see /proc/cmdline; it may not boot by this GRUB menu" >&2; exit 1; }'
    )
