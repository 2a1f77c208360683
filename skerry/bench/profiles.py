"""The phases of each profile: what is measured, and for how long."""

from __future__ import annotations

from typing import Any

from skerry.model.errors import InputError

PhasePlan = dict[str, Any]
"""One phase as the engine takes it: name, kind, seconds and, by kind, further values."""

COMMIT_PAUSE_MS = 100  # etcd's --backend-batch-interval
# 299 commits, none of them too slow, are the fewest that show with 95 % confidence that less than 1 % are too slow.
# Commits a little more frequent than etcd's reach that number within 20 s.
QUICK_PAUSE_MS = 60
LONGEST_SOAK_MINUTES = 24 * 60
NEIGHBOURS = {"pull": "beside an image pull", "random": "beside random I/O"}


def _etcd_load(name: str, seconds: float, pause: int = COMMIT_PAUSE_MS, neighbour: str = "") -> PhasePlan:
    return {
        "name": name,
        "kind": "etcd",
        "seconds": seconds,
        "commit_pause_ms": pause,
        "neighbour": neighbour,
    }


QUICK = [_etcd_load("with commits", 20, QUICK_PAUSE_MS)]
STANDARD = [
    _etcd_load("WAL alone", 10, pause=0),
    _etcd_load("with commits", 33),
    *(_etcd_load(name, 33, neighbour=neighbour) for neighbour, name in NEIGHBOURS.items()),
    {"name": "fio recipe", "kind": "recipe", "seconds": 5, "limit_seconds": 60},
    {"name": "random 4k", "kind": "iops", "seconds": 8},
]


def phases(profile: str, minutes: float = 30, fio: bool = True) -> list[PhasePlan]:
    """Returns the phases of a profile: "quick" (20 s), "standard" (2 min) or "soak" (`minutes`).

    `fio`: include phases that need fio. Raises InputError for another profile, or a soak that is too short or too
    long.
    """
    if profile == "soak":
        if not 1 <= minutes <= LONGEST_SOAK_MINUTES:
            raise InputError(f"--minutes is {minutes:g}; choose 1 to {LONGEST_SOAK_MINUTES}")
        return [_etcd_load("soak", minutes * 60)]
    profiles = {"quick": QUICK, "standard": STANDARD}
    if profile not in profiles:
        raise InputError(f"--profile is {profile!r}; choose quick, standard or soak")
    return [phase for phase in profiles[profile] if fio or not needs_fio(phase)]


def needs_fio(phase: PhasePlan) -> bool:
    """Whether the engine calls fio in a phase."""
    return bool(phase["kind"] != "etcd" or phase["neighbour"] == "random")


def measurement_plan(
    path: str, phases: list[PhasePlan], force: bool = False, silence_seconds: float = 0
) -> dict[str, Any]:
    """Compose the engine's argument.

    `force`: measure beside a running datastore. `silence_seconds`: the engine ends if its standard input is silent
    for so long; 0 means never.
    """
    return {"path": path, "force": force, "silence_seconds": silence_seconds, "phases": phases}
