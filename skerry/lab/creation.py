"""Bringing hosts up: those that are missing are made, those that are stopped are started."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console

from skerry.lab import backends, image, place, power, processes
from skerry.lab.command import as_root, run
from skerry.lab.host import Host, LabError, Record, Spec
from skerry.lab.identity import files
from skerry.lab.place import Place

Report = Callable[[str], None]
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
    report: Report | None = None,
) -> list[Host]:
    """The hosts PREFIX-1 to PREFIX-COUNT (or `names`) run and answer SSH; what is there is kept.

    LabError if one cannot be made, does not boot, or exists as something else than asked for.
    """
    say = report or _print
    here = place.current()
    wanted = names if names is not None else [f"{prefix}-{number + 1}" for number in range(count)]
    specs = [Spec(name, backend, memory_mib, cpus, disk_gib, kernel_args) for name in wanted]
    check(specs, here.records())
    with here.lock(lambda: say("waiting: another lab command is at work")):
        present = {record.name for record in here.records()}
        missing = [spec for spec in specs if spec.name not in present]
        new = {spec.name for spec in missing}
        if missing:
            _create(here, missing, say)
        began = time.monotonic()
        records = [power.boot(here, name) for name in wanted]

    def answer(record: Record) -> Host:
        host = (power.settle if record.name in new else power.await_boot)(here, record)
        where = f"{host.backend}, {host.address}:{host.port}"
        say(f"{host.name}: up after {time.monotonic() - began:.1f} s, {where}")
        return host

    with ThreadPoolExecutor(max_workers=max(1, len(records))) as pool:
        return list(pool.map(answer, records))


def check(specs: list[Spec], records: list[Record]) -> None:
    """LabError if the hosts asked for cannot be, or are there as something else."""
    present = {record.name: record for record in records}
    if not specs or len({spec.name for spec in specs}) < len(specs):
        raise LabError("ask for at least one host, each name once")
    for spec in specs:
        if not _NAME.fullmatch(spec.name):
            raise LabError(f"{spec.name!r} cannot be a host name; use a-z, 0-9 and '-', at most 40")
        backends.get(spec.backend).check(spec)
        known = present.get(spec.name)
        if known is None:
            continue
        for field in ("backend", "kernel_args"):
            has, wants = getattr(known, field), getattr(spec, field)
            if has != wants:
                remedy = "take it down first or choose another name"
                raise LabError(f"{spec.name} is there with {field}={has!r}, not {wants!r}; {remedy}")


def free_index(taken: set[int]) -> int:
    """The lowest free host number."""
    for index in range(1, 100):
        if index not in taken:
            return index
    raise LabError("a lab holds at most 99 hosts; take some down")


def _create(here: Place, specs: list[Spec], say: Report) -> None:
    base = image.ensure(here, specs[0].backend, say)
    for spec in specs:
        numbers = (machine.rpartition("-")[2] for machine in processes.machines(here.mark))
        running = {int(number) for number in numbers if number.isdigit()}
        index = free_index({record.index for record in here.records()} | running)
        record = backends.get(spec.backend).describe(here, spec, index, base.name)
        folder = here.host(spec.name)
        if folder.exists():  # half-made: it has no record
            run(as_root(["rm", "-rf", "--one-file-system", str(folder)]), timeout=300)
        folder.mkdir(parents=True)
        backends.get(spec.backend).prepare(here, record, files(here, record))
        here.keep(record)


def _print(message: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(message, markup=False)
