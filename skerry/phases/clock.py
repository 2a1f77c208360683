"""Clock: certificates, etcd leases and logs of several hosts only agree when their clocks do."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import StringCommand, deploy

from skerry.facts.batch import BatchedFact
from skerry.facts.clock import Clock, ClockState
from skerry.model.preparation.clock import UNITS, digest_file, servers_file
from skerry.model.settings.settings import Settings
from skerry.operations import Commands, operation
from skerry.operations.files import write
from skerry.phases.host_spec import this_host_spec


@deploy("Clock")
def clock() -> None:
    """Run the chosen time service, now and after every boot, and wait until it has synchronised the clock."""
    settings = this_host_spec().settings
    if settings.time_sync == "none":
        return
    unit = UNITS[settings.time_sync]
    servers = servers_file(settings.time_sync, settings.ntp_servers)
    files = [servers, digest_file(unit, servers)]
    fact = BatchedFact(Clock, unit=unit, files=[file.path for file in files])
    for file in files:
        write(name=f"Write {file.path}", file=file, fact=fact)
    _run_service(name="Run the time service", unit=unit, digest=servers.sha256, fact=fact)
    _wait_synchronised(name="Wait for a synchronised clock", settings=settings, fact=fact)


@operation
def _run_service(unit: str, digest: str, fact: BatchedFact[ClockState]) -> Commands:
    """Enable the service, and restart it unless the running process has read the configuration with this digest."""
    # Written files change neither the unit's state nor the running process, so the first reading is enough.
    state = fact.at_start()
    if not state.enabled:
        yield StringCommand(f"systemctl enable {unit}")
    if not state.keeps_time:
        host.noop("a container uses the clock of its machine")
    elif not state.active or state.running != digest:
        yield StringCommand(f"systemctl daemon-reload && systemctl restart {unit}")


@operation
def _wait_synchronised(settings: Settings, fact: BatchedFact[ClockState]) -> Commands:
    # Read again: the restarted service may have synchronised the clock by now.
    state = fact.current()
    if state.synchronised or not state.keeps_time or not settings.clock_sync_required:
        host.noop("the clock is synchronised, or need not be")
        return
    seconds = settings.clock_sync_wait_seconds
    yield StringCommand(
        f"for second in $(seq {seconds}); do "
        '[ "$(timedatectl show -p NTPSynchronized --value)" = yes ] && exit 0; sleep 1; done; '
        f"echo 'the clock was not synchronised after {seconds} s: no time server answers on UDP port 123; "
        "set ntp_servers, or clock_sync_required = False' >&2; exit 1"
    )
