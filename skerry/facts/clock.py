"""The state of a host's time service."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.facts.script import ScriptFact, file_states
from skerry.model.fact_output import sections
from skerry.model.preparation.host_facts import CONTAINERS


@dataclass(frozen=True)
class ClockState:
    """A time service and the kernel's clock.

    `files`: `File.state` by path. `active`, `enabled`: the service runs, and starts at boot. `running`: checksum of
    the configuration with which the running service was started, "" if it does not run or was started without ours.
    `keeps_time`: False in a container, which uses its machine's clock.
    """

    files: dict[str, str]
    active: bool
    running: str
    enabled: bool
    synchronised: bool
    keeps_time: bool


class Clock(ScriptFact[ClockState]):
    """The state of the time service `unit`, of our configuration `files` and of the kernel's clock."""

    script = "clock"

    def command(self, unit: str, files: list[str]) -> str:
        return self.run(unit, *files)

    def process(self, output: list[str]) -> ClockState:
        section = sections(output)
        return ClockState(
            files=file_states(section["files"]),
            active="ActiveState=active" in section["unit"],
            running="".join(section["running"]),
            enabled="UnitFileState=enabled" in section["unit"],
            synchronised=section["synchronised"] == ["yes"],
            keeps_time=not CONTAINERS & set(section["virtualisation"]),
        )
