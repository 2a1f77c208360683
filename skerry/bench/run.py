"""A run over many hosts, as it is kept in a file and read again. The schema has a version."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

from skerry.bench.verdict import Judgement, Result, judge
from skerry.model.errors import InputError

SCHEMA = 1


@dataclass(frozen=True)
class HostRun:
    """One host of a run: the engine's result, or in `error` why there is none.

    `since`: what has clearly changed since the host's own past.
    """

    host: str
    role: str
    datastore: str
    dedicated: bool = False
    result: Result | None = None
    error: str = ""
    since: list[str] = field(default_factory=list)

    @cached_property
    def judgement(self) -> Judgement | None:
        return judge(self.result, self.datastore, self.dedicated) if self.result else None


@dataclass(frozen=True)
class Run:
    """All hosts of a run, worst first once `ranked`. `begun`: seconds since 1970."""

    inventory: str
    profile: str
    begun: float
    hosts: tuple[HostRun, ...]

    @property
    def title(self) -> str:
        """The name of the run's files: 2026-11-18T110640Z."""
        return datetime.fromtimestamp(self.begun, timezone.utc).strftime("%Y-%m-%dT%H%M%SZ")

    @property
    def time(self) -> str:
        """For people: 2026-11-18 11:06 UTC."""
        return datetime.fromtimestamp(self.begun, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")

    def ranked(self) -> Run:
        """Those without a result first, then by verdict and by how near the bound is to what is allowed."""

        def rank(each: HostRun) -> tuple[bool, int, float]:
            judgement = each.judgement
            return (judgement is None, *(judgement.rank if judgement else (0, 0.0)))

        return Run(
            self.inventory, self.profile, self.begun, tuple(sorted(self.hosts, key=rank, reverse=True))
        )

    def as_json(self) -> dict[str, Any]:
        """For machines: verdicts and findings beside the raw result, whose histogram counts can be added up."""
        return {
            "schema": SCHEMA,
            "inventory": self.inventory,
            "profile": self.profile,
            "begun": self.begun,
            "hosts": [_host_json(each) for each in self.hosts],
        }


def _host_json(host: HostRun) -> dict[str, Any]:
    judged: dict[str, Any] = {"verdict": None, "findings": [], "notes": []}
    if judgement := host.judgement:
        judged = {
            "verdict": judgement.verdict.value,
            "findings": [{**asdict(each), "verdict": each.verdict.value} for each in judgement.findings],
            "notes": list(judgement.notes),
        }
    return {**asdict(host), **judged}


def load(path: Path) -> Run:
    """A run from its file. Raises InputError for anything else."""
    try:
        read = json.loads(path.read_text())
        if read["schema"] != SCHEMA:
            raise InputError(
                f"{path}: is of schema {read['schema']}, this version reads {SCHEMA}; measure again"
            )
        names = HostRun.__dataclass_fields__
        hosts = tuple(HostRun(**{name: each[name] for name in names}) for each in read["hosts"])
        return Run(read["inventory"], read["profile"], read["begun"], hosts)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; runs are kept in .skerry/bench/") from None
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is not a run of `invoke bench-disk`") from None
