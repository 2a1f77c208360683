"""The cgroup hierarchy a host runs and will boot."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.facts.script import ScriptFact, file_states
from skerry.model.fact_output import sections


@dataclass(frozen=True)
class CgroupState:
    """`v2`: the unified hierarchy runs now. `in_menu`: GRUB's menu asks for it at the next boot."""

    v2: bool
    files: dict[str, str]
    in_menu: bool


class Cgroup(ScriptFact[CgroupState]):
    """The running hierarchy, and our GRUB drop-in `file`."""

    script = "cgroup"

    def command(self, file: str) -> str:
        return self.run(file)

    def process(self, output: list[str]) -> CgroupState:
        found = sections(output)
        return CgroupState(
            v2=found["type"] == ["cgroup2fs"],
            files=file_states(found["files"]),
            in_menu=found["in_menu"] == ["yes"],
        )
