"""A run of bench-disk over many hosts, and its file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

from skerry.bench.measurement import Measurement
from skerry.bench.verdict import Judgement, judge
from skerry.model.errors import InputError

SCHEMA = 1


@dataclass(frozen=True)
class HostRun:
    """One host of a run: its measurement, or in `error` why there is none.

    `datastore`: "" for agents. `dedicated`: it has a disk of its own. `since`: clear changes since the earlier runs.
    """

    host: str
    role: str
    datastore: str
    dedicated: bool = False
    result: Measurement | None = None
    error: str = ""
    since: list[str] = field(default_factory=list)

    @cached_property
    def judgement(self) -> Judgement | None:
        return judge(self.result, self.datastore, self.dedicated) if self.result else None


@dataclass(frozen=True)
class Run:
    """All hosts of a run. `begun`: seconds since 1970."""

    inventory: str
    profile: str
    begun: float
    hosts: tuple[HostRun, ...]

    @property
    def title(self) -> str:
        """The name of the run's files without suffix: 2026-11-18T110640Z."""
        return datetime.fromtimestamp(self.begun, timezone.utc).strftime("%Y-%m-%dT%H%M%SZ")

    @property
    def time(self) -> str:
        """The begin for people: 2026-11-18 11:06 UTC."""
        return datetime.fromtimestamp(self.begun, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")

    def ranked(self) -> Run:
        """Sort the hosts, the worst first: those without a measurement, then by verdict and headroom."""

        def rank(host: HostRun) -> tuple[bool, int, float]:
            judgement = host.judgement
            return (judgement is None, *(judgement.rank if judgement else (0, 0.0)))

        return Run(
            self.inventory, self.profile, self.begun, tuple(sorted(self.hosts, key=rank, reverse=True))
        )

    def as_json(self) -> dict[str, Any]:
        """Returns the run for JSON: verdicts beside the raw measurements, whose histogram counts can be added up."""
        return {
            "schema": SCHEMA,
            "inventory": self.inventory,
            "profile": self.profile,
            "begun": self.begun,
            "hosts": [_host_json(host) for host in self.hosts],
        }


def _host_json(host: HostRun) -> dict[str, Any]:
    judged: dict[str, Any] = {"verdict": None, "findings": [], "notes": []}
    if judgement := host.judgement:
        judged = {
            "verdict": judgement.verdict.value,
            "findings": [{**asdict(result), "verdict": result.verdict.value} for result in judgement.results],
            "notes": list(judgement.notes),
        }
    return {**asdict(host), **judged}


def load(path: Path) -> Run:
    """Read a run from a file. Raises InputError if the file cannot be read or holds something else."""
    try:
        content = json.loads(path.read_text())
        if content["schema"] != SCHEMA:
            raise InputError(
                f"{path}: is of schema {content['schema']}, this version reads {SCHEMA}; measure again"
            )
        names = HostRun.__dataclass_fields__
        hosts = tuple(HostRun(**{name: host[name] for name in names}) for host in content["hosts"])
        return Run(content["inventory"], content["profile"], content["begun"], hosts)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; runs are kept in .skerry/bench/") from None
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is not a run of `invoke bench-disk`") from None
