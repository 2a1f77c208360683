"""Starting, stopping, rebooting and resetting hosts."""

from __future__ import annotations

import time

from skerry.lab import access, backends, place, processes, ssh
from skerry.lab.host import FRESH, Host, LabError, Record
from skerry.lab.identity import files
from skerry.lab.place import Place
from skerry.lab.processes import cut_power
from skerry.local.waiting import until

_SHUT_DOWN_SECONDS = 90  # as long as systemd gives a service to stop


def start(name: str) -> Host:
    """The host runs and SSH answers; LabError with the console's last lines if it does not boot."""
    here = place.current()
    return await_boot(here, boot(here, name))


def power_off(name: str, hard: bool = True) -> None:
    """The host is off: `hard` as by a power cut, else shut down (and cut off if that takes too long)."""
    here = place.current()
    with here.lock():
        record = here.record(name)
        if not hard and processes.main(record.machine) is not None:
            backends.get(record.backend).shut_down(here, record)
            until(lambda: processes.main(record.machine) is None, _SHUT_DOWN_SECONDS)
        cut_power(record.machine)


def reboot(name: str) -> Host:
    """The host has booted anew, from inside where SSH answers, else by a power cut."""
    here = place.current()
    record = here.record(name)
    before = ssh.boot_id(access.host(here, record))
    if before:
        ssh.attempt(access.host(here, record), "systemctl reboot")
    else:
        power_off(name)
        boot(here, name)
    return await_boot(here, here.record(name), unlike_boot=before)


def reset(name: str) -> Host:
    """The host is as it was when it was new: same name, address and keys, nothing else kept."""
    here = place.current()
    with here.lock():
        record = here.record(name)
        backend = backends.get(record.backend)
        if FRESH in backend.snapshots(here, record):
            return rewind(here, record, FRESH)
        power_off(name)
        backend.prepare(here, record, files(here, record))
        boot(here, name)
    return settle(here, here.record(name))


def rewind(here: Place, record: Record, label: str) -> Host:
    """The host runs, with the disk and clock it should have, from one of its snapshots on."""
    with here.lock():
        runs_on = backends.get(record.backend).load(here, record, label)
        record = boot(here, record.name)
    host = await_boot(here, record)
    if runs_on:  # its clock stood still
        ssh.attempt(host, f"date --set=@{time.time():.2f}")
    return host


def settle(here: Place, record: Record) -> Host:
    """A new host has booted to the end."""
    host = await_boot(here, record)
    ssh.attempt(host, "systemctl is-system-running --wait", timeout=120)
    backends.get(record.backend).settled(here, record)
    return host


def boot(here: Place, name: str) -> Record:
    """Launch the host if it is not running; its record, whose ports may have changed."""
    with here.lock():
        record = here.record(name)
        if processes.main(record.machine) is None:
            cut_power(record.machine)  # whatever is left of a container whose manager died
            record = backends.get(record.backend).start(here, record)
        return record


def await_boot(here: Place, record: Record, unlike_boot: str = "") -> Host:
    """Wait until SSH answers with the right host key; LabError with the console's last lines if not."""
    seconds = backends.get(record.backend).boot_seconds()
    began = time.monotonic()
    if not ssh.wait(access.host(here, record), seconds, unlike_boot):
        said = access.console(here, record, 8).replace("\n", " | ") or "nothing"
        waited = time.monotonic() - began
        raise LabError(f"{record.name} did not answer SSH within {waited:.0f} s; its console says: {said}")
    return access.host(here, record)
