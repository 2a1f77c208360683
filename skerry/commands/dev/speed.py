"""`invoke bench-speed`: its arguments, checked before anything is booted."""

from __future__ import annotations

from math import inf

from skerry.model.errors import InputError


def bench_speed(hosts: str, delays: str, rounds: int, fresh: bool, against: str) -> None:
    """Measure, and print the table. Lists are comma-separated. Raises InputError for a wrong one, before the boot."""
    # Imported here because its imports install pyinfra's event loop, which breaks the threads of other tasks.
    from skerry.bench.speed.contenders import FLAVOURS
    from skerry.bench.speed.run import run

    counts = [int(count) for count in _numbers("--hosts", hosts, least=1)]
    delays_ms = _numbers("--delays", delays)
    _numbers("--rounds", str(rounds), least=1)
    rivals = [rival for rival in against.split(",") if rival]
    if unknown := set(rivals) - set(FLAVOURS):
        known = ", ".join(FLAVOURS)
        raise InputError(f"--against: there is no {', '.join(sorted(unknown))}; there are {known}")
    run(counts, delays_ms, rounds, fresh, rivals)


def _numbers(flag: str, text: str, least: float = 0) -> list[float]:
    """Parse a comma-separated list of numbers. Raises InputError if an item is no finite number or below `least`."""
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(least <= number < inf for number in numbers):
        raise InputError(f"{flag} is {text!r}; write numbers from {least:g} on, separated by commas")
    return numbers
