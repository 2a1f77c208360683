"""What is measured for how long: the phases of each profile, as plans for the engine."""

from __future__ import annotations

from typing import Any

from skerry.model.errors import InputError

Phase = dict[str, Any]

COMMIT_PAUSE_MS = 100  # etcd's --backend-batch-interval
# 299 commits without one too slow are the fewest that show, with 95 % confidence, fewer than 1 % to be so.
# Commits that come a little faster than etcd's get there within 20 s.
QUICK_PAUSE_MS = 60
LONGEST_SOAK_MINUTES = 24 * 60
NEIGHBOURS = {"pull": "beside an image pull", "random": "beside random I/O"}


def _load(name: str, seconds: float, pause: int = COMMIT_PAUSE_MS, neighbour: str = "") -> Phase:
    return {
        "name": name,
        "kind": "etcd",
        "seconds": seconds,
        "commit_pause_ms": pause,
        "neighbour": neighbour,
    }


QUICK = [_load("with commits", 20, QUICK_PAUSE_MS)]
STANDARD = [
    _load("WAL alone", 10, pause=0),
    _load("with commits", 33),
    *(_load(name, 33, neighbour=neighbour) for neighbour, name in NEIGHBOURS.items()),
    {"name": "fio recipe", "kind": "recipe", "seconds": 5, "limit_seconds": 60},
    {"name": "random 4k", "kind": "iops", "seconds": 8},
]


def phases(profile: str, minutes: float = 30, fio: bool = True) -> list[Phase]:
    """The phases of "quick" (20 s), "standard" (2 min) or "soak" (`minutes`); those that need fio only with it.

    Raises InputError for another profile or a length out of bounds.
    """
    if profile == "soak":
        if not 1 <= minutes <= LONGEST_SOAK_MINUTES:
            raise InputError(f"--minutes is {minutes:g}; choose 1 to {LONGEST_SOAK_MINUTES}")
        return [_load("soak", minutes * 60)]
    known = {"quick": QUICK, "standard": STANDARD}
    if profile not in known:
        raise InputError(f"--profile is {profile!r}; choose quick, standard or soak")
    return [phase for phase in known[profile] if fio or not needs_fio(phase)]


def needs_fio(phase: Phase) -> bool:
    """Whether the engine calls fio for a phase."""
    return bool(phase["kind"] != "etcd" or phase["neighbour"] == "random")


def plan(path: str, chosen: list[Phase], force: bool = False, silence_seconds: float = 0) -> dict[str, Any]:
    """The engine's argument. `silence_seconds`: it ends when it hears nothing for so long; 0: it does not listen."""
    return {"path": path, "force": force, "silence_seconds": silence_seconds, "phases": chosen}
