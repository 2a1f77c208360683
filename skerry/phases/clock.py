"""Clock: certificates, etcd leases and logs of several hosts only agree when their clocks do."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import StringCommand, deploy

from skerry.facts.batch import BatchedFact
from skerry.facts.clock import Clock, ClockState
from skerry.model.files import File
from skerry.model.settings.settings import Settings
from skerry.operations import Commands, operation
from skerry.operations.files import write
from skerry.phases.host_spec import this_host_spec

UNITS = {"systemd-timesyncd": "systemd-timesyncd.service", "chrony": "chrony.service"}


@deploy("Clock")
def clock() -> None:
    """The chosen time service runs, starts at boot, and has synchronised the clock."""
    settings = this_host_spec().settings
    if settings.time_sync == "none":
        return
    unit = UNITS[settings.time_sync]
    servers = configuration(settings.time_sync, settings.ntp_servers)
    digest = started_with(unit, servers)
    found = BatchedFact(Clock, unit=unit, files=[servers.path, digest.path])
    for file in (servers, digest):
        write(name=f"Write {file.path}", file=file, found=found.at_start)
    _run_service(name="Run the time service", unit=unit, digest=servers.sha256, found=found)
    _wait_synchronised(name="Wait for a synchronised clock", settings=settings, found=found)


def configuration(service: str, servers: list[str]) -> File:
    """The drop-in that names our servers; without any, the distribution's pool stays in force."""
    if service == "chrony":
        lines = [f"server {server} iburst" for server in servers]
        return File("/etc/chrony/sources.d/skerry.sources", "\n".join(["# Written by Skerry.", *lines, ""]))
    named = [f"NTP={' '.join(servers)}"] if servers else []
    content = "\n".join(["# Written by Skerry.", "[Time]", *named, ""])
    return File("/etc/systemd/timesyncd.conf.d/skerry.conf", content)


def started_with(unit: str, servers: File) -> File:
    """A drop-in by which the running service shows which servers it was started with."""
    content = f"# Written by Skerry.\n[Service]\nEnvironment=SKERRY_CONFIG_SHA256={servers.sha256}\n"
    return File(f"/etc/systemd/system/{unit}.d/skerry.conf", content)


@operation
def _run_service(unit: str, digest: str, found: BatchedFact[ClockState]) -> Commands:
    state = found.at_start()
    if not state.enabled:
        yield StringCommand(f"systemctl enable {unit}")
    if not state.keeps_time:
        host.noop("a container's clock is the machine's")
    elif not state.active or state.running != digest:
        yield StringCommand(f"systemctl daemon-reload && systemctl restart {unit}")


@operation
def _wait_synchronised(settings: Settings, found: BatchedFact[ClockState]) -> Commands:
    state = found.current()
    if state.synchronised or not state.keeps_time or not settings.clock_sync_required:
        host.noop("nothing to wait for")
        return
    seconds = settings.clock_sync_wait_seconds
    yield StringCommand(
        f"for second in $(seq {seconds}); do "
        '[ "$(timedatectl show -p NTPSynchronized --value)" = yes ] && exit 0; sleep 1; done; '
        f"echo 'the clock was not synchronised after {seconds} s: no time server answers on UDP port 123; "
        "set ntp_servers, or clock_sync_required = False' >&2; exit 1"
    )
