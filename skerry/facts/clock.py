"""The state of a host's time service."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.facts.script import ScriptFact, file_states
from skerry.model.fact_output import sections
from skerry.model.preparation.host_facts import CONTAINERS


@dataclass(frozen=True)
class ClockState:
    """`running`: digest of the configuration the service was started with, "" while it does not run.

    `keeps_time`: False in a container, whose clock is the machine's.
    """

    files: dict[str, str]
    active: bool
    running: str
    enabled: bool
    synchronised: bool
    keeps_time: bool


class Clock(ScriptFact[ClockState]):
    """The time service `unit`, our configuration `files`, and whether the kernel's clock is synchronised."""

    script = "clock"

    def command(self, unit: str, files: list[str]) -> str:
        return self.run(unit, *files)

    def process(self, output: list[str]) -> ClockState:
        found = sections(output)
        return ClockState(
            files=file_states(found["files"]),
            active="ActiveState=active" in found["unit"],
            running="".join(found["running"]),
            enabled="UnitFileState=enabled" in found["unit"],
            synchronised=found["synchronised"] == ["yes"],
            keeps_time=not CONTAINERS & set(found["virtualisation"]),
        )
