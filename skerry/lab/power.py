"""Start, stop, reboot and reset hosts."""

from __future__ import annotations

import time

from skerry.lab import access, backends, host_ssh, processes
from skerry.lab.folder import LabFolder, current_lab
from skerry.lab.host import FRESH, HostRecord, LabError, LabHost
from skerry.lab.identity import identity_files
from skerry.local.waiting import until

_SHUT_DOWN_SECONDS = 90  # systemd's default timeout for stopping a service


def start(name: str) -> LabHost:
    """Start the host if it is stopped, and wait until it answers SSH. Raises LabError if it does not."""
    lab = current_lab()
    return await_boot(lab, boot(lab, name))


def power_off(name: str, hard: bool = True) -> None:
    """Switch the host off: `hard` like a power cut, else by a shutdown, with a power cut after 90 s."""
    lab = current_lab()
    with lab.lock():
        record = lab.record(name)
        if not hard and processes.main_pid(record.machine) is not None:
            backends.get(record.backend).shut_down(lab, record)
            until(lambda: processes.main_pid(record.machine) is None, _SHUT_DOWN_SECONDS)
        processes.cut_power(record.machine)


def reboot(name: str) -> LabHost:
    """Reboot the host, with a power cut if SSH does not answer, and wait until it answers SSH again."""
    lab = current_lab()
    record = lab.record(name)
    host = access.host_of(lab, record)
    previous_boot = host_ssh.boot_id(host)
    if previous_boot:
        host_ssh.attempt(host, "systemctl reboot")
    else:
        power_off(name)
        boot(lab, name)
    return await_boot(lab, lab.record(name), previous_boot)


def reset(name: str) -> LabHost:
    """Return the host to its state after creation: same name, address and keys, nothing else kept."""
    lab = current_lab()
    with lab.lock():
        record = lab.record(name)
        backend = backends.get(record.backend)
        if FRESH in backend.snapshots(lab, record):
            return load_snapshot(lab, record, FRESH)
        power_off(name)
        backend.prepare(lab, record, identity_files(lab, record))
        boot(lab, name)
    return await_first_boot(lab, lab.record(name))


def load_snapshot(lab: LabFolder, record: HostRecord, label: str) -> LabHost:
    """Run the host from one of its snapshots, with the right time, and wait until it answers SSH."""
    with lab.lock():
        with_memory = backends.get(record.backend).load(lab, record, label)
        record = boot(lab, record.name)
    host = await_boot(lab, record)
    if with_memory:  # its clock continued from the time of the snapshot
        host_ssh.attempt(host, f"date --set=@{time.time():.2f}")
    return host


def await_first_boot(lab: LabFolder, record: HostRecord) -> LabHost:
    """Wait until a new host answers SSH and all its services have started."""
    host = await_boot(lab, record)
    host_ssh.attempt(host, "systemctl is-system-running --wait", timeout=120)
    backends.get(record.backend).after_first_boot(lab, record)
    return host


def boot(lab: LabFolder, name: str) -> HostRecord:
    """Launch the host if it is not running. Returns its record, whose ports may have changed."""
    with lab.lock():
        record = lab.record(name)
        if processes.main_pid(record.machine) is None:
            processes.cut_power(record.machine)  # a container may outlive a killed systemd-nspawn
            record = backends.get(record.backend).start(lab, record)
        return record


def await_boot(lab: LabFolder, record: HostRecord, previous_boot: str = "") -> LabHost:
    """Wait until the host answers SSH with the right host key, in another boot than `previous_boot` if given.

    Raises LabError with the last lines of the console if it does not.
    """
    seconds = backends.get(record.backend).boot_seconds()
    started = time.monotonic()
    if not host_ssh.wait(access.host_of(lab, record), seconds, previous_boot):
        output = access.console(lab, record, 8).replace("\n", " | ") or "nothing"
        waited = time.monotonic() - started
        raise LabError(f"{record.name} did not answer SSH within {waited:.0f} s; its console says: {output}")
    return access.host_of(lab, record)
