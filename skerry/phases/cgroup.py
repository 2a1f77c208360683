"""cgroup: from v1 to v2 where the K3s version needs it, with one controlled reboot."""

from __future__ import annotations

from pyinfra import host, inventory
from pyinfra.api import StringCommand, deploy

from skerry.facts.batch import BatchedFact
from skerry.facts.cgroup import Cgroup, CgroupState
from skerry.model.files import File
from skerry.model.k3s.versions import K3sVersion, accepts_cgroup_v1
from skerry.operations import Commands, operation
from skerry.operations.files import write_script
from skerry.phases.hardening_context import refuse
from skerry.phases.host_spec import this_host_spec
from skerry.phases.preflight import all_host_facts

# Kubernetes 1.35 and later refuse cgroup v1 (kubernetes/enhancements#5573). The last word on the kernel
# command line wins, so this holds even where an image's own file says 0.
GRUB = File(
    "/etc/default/grub.d/90-skerry-cgroup.cfg",
    '# Written by Skerry.\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX systemd.unified_cgroup_hierarchy=1"\n',
)


@deploy("cgroup")
def cgroup() -> None:
    """The host runs cgroup v2 if the K3s version refuses v1. Preflight has made sure that it can."""
    settings = this_host_spec().settings
    if accepts_cgroup_v1(K3sVersion.parse(settings.k3s_version)):
        return
    found = BatchedFact(Cgroup, file=GRUB.path)
    _ask_for_v2(name="Ask for cgroup v2 at boot", found=found)
    _reboot(name="Reboot into cgroup v2", found=found, seconds=settings.reboot_timeout_seconds)


@operation
def _ask_for_v2(found: BatchedFact[CgroupState]) -> Commands:
    """A host that boots v2 by itself is left alone; one that was interrupted here is finished."""
    state = found.current()
    if state.v2:
        host.noop("the host runs cgroup v2")
        return
    if state.files.get(GRUB.path) != GRUB.state:
        yield StringCommand(write_script(GRUB), _stdin=GRUB.content)
    if not state.in_menu or state.files.get(GRUB.path) != GRUB.state:
        yield StringCommand("PATH=$PATH:/usr/sbin:/sbin update-grub")


@operation
def _reboot(found: BatchedFact[CgroupState], seconds: int) -> Commands:
    state = found.current()
    if state.v2:
        host.noop("the host runs cgroup v2")
        return
    if len(inventory) > 1 and all_host_facts()[host.name].server_state == "active":
        yield refuse(
            "it runs cgroup v1 and has to boot for v2: run `invoke reboot`, one host after the other"
        )
    from pyinfra.operations import (
        server,
    )  # with facts of every distribution: 0.06 s for the run that needs none

    yield from server.reboot._inner(delay=5, reboot_timeout=seconds)
    yield StringCommand(
        '[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || { echo "the host still runs cgroup v1 after its reboot: '
        'see /proc/cmdline; it may not boot by this GRUB menu" >&2; exit 1; }'
    )
