"""Bring hosts up: create the missing ones, start the stopped ones."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from skerry.lab import backends, images, power, processes
from skerry.lab.command import remove_trees
from skerry.lab.folder import LabFolder, current_lab
from skerry.lab.host import HostRecord, LabError, LabHost, Spec
from skerry.lab.identity import identity_files
from skerry.local import console

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")


def up(
    count: int = 1,
    backend: str = "qemu",
    *,
    prefix: str = "lab",
    names: list[str] | None = None,
    memory_mib: int = 3072,
    cpus: int = 2,
    disk_gib: int = 20,
    kernel_args: str = "",
    report: Callable[[str], None] = console.report,
) -> list[LabHost]:
    """Bring up the hosts PREFIX-1 to PREFIX-COUNT (or `names`) and wait until they answer SSH.

    Hosts that exist are kept. Raises LabError if a host cannot be created, does not boot, or exists with another
    backend or other kernel arguments.
    """
    lab = current_lab()
    if names is None:
        names = [f"{prefix}-{number + 1}" for number in range(count)]
    specs = [Spec(name, backend, memory_mib, cpus, disk_gib, kernel_args) for name in names]
    check(specs, lab.records())
    with lab.lock(lambda: report("waiting: another lab command is at work")):
        existing = {record.name for record in lab.records()}
        missing = [spec for spec in specs if spec.name not in existing]
        if missing:
            _create(lab, missing, report)
        started = time.monotonic()
        records = [power.boot(lab, name) for name in names]

    def await_host(record: HostRecord) -> LabHost:
        host = (power.await_boot if record.name in existing else power.await_first_boot)(lab, record)
        seconds = time.monotonic() - started
        report(f"{host.name}: up after {seconds:.1f} s, {host.backend}, {host.address}:{host.port}")
        return host

    with ThreadPoolExecutor(max_workers=len(records)) as pool:
        return list(pool.map(await_host, records))


def check(specs: list[Spec], records: list[HostRecord]) -> None:
    """Raise LabError if a host cannot be created, or exists with another backend or other kernel arguments."""
    existing = {record.name: record for record in records}
    if not specs or len({spec.name for spec in specs}) < len(specs):
        raise LabError("ask for at least one host, each name once")
    for spec in specs:
        if not _NAME.fullmatch(spec.name):
            raise LabError(f"{spec.name!r} cannot be a host name; use a-z, 0-9 and '-', at most 40")
        backends.get(spec.backend).check(spec)
        if spec.name in existing:
            _check_unchanged(spec, existing[spec.name])


def _check_unchanged(spec: Spec, record: HostRecord) -> None:
    for field in ("backend", "kernel_args"):
        present, asked = getattr(record, field), getattr(spec, field)
        if present != asked:
            remedy = "take it down first or choose another name"
            raise LabError(f"{spec.name} exists with {field}={present!r}, not {asked!r}; {remedy}")


def free_index(taken: set[int]) -> int:
    """The lowest free host index. Raises LabError if all 99 are taken."""
    for index in range(1, 100):
        if index not in taken:
            return index
    raise LabError("a lab holds at most 99 hosts; take some down")


def _create(lab: LabFolder, specs: list[Spec], report: Callable[[str], None]) -> None:
    image = images.ensure(lab, specs[0].backend, report)
    for spec in specs:
        backend = backends.get(spec.backend)
        # After a crash, a machine may run without a record; its index is taken, too.
        numbers = (machine.rpartition("-")[2] for machine in processes.machines(lab.resource_prefix))
        running = {int(number) for number in numbers if number.isdigit()}
        index = free_index({record.index for record in lab.records()} | running)
        record = backend.describe(lab, spec, index, image.name)
        folder = lab.host_folder(spec.name)
        if folder.exists():  # an interrupted creation left it without a record
            remove_trees(folder)
        folder.mkdir(parents=True)
        backend.prepare(lab, record, identity_files(lab, record))
        lab.save(record)
