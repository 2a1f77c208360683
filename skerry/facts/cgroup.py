"""Whether a host runs cgroup v2, and whether it will after its next boot."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.facts.script import ScriptFact, file_states
from skerry.model.fact_output import sections


@dataclass(frozen=True)
class CgroupState:
    """`v2`: the host runs cgroup v2. `files`: `File.state` by path. `in_menu`: GRUB's menu selects v2 for a boot."""

    v2: bool
    files: dict[str, str]
    in_menu: bool


class Cgroup(ScriptFact[CgroupState]):
    """The running cgroup version, GRUB's menu, and our GRUB drop-in `file`."""

    script = "cgroup"

    def command(self, file: str) -> str:
        return self.run(file)

    def process(self, output: list[str]) -> CgroupState:
        section = sections(output)
        return CgroupState(
            v2=section["type"] == ["cgroup2fs"],
            files=file_states(section["files"]),
            in_menu=section["in_menu"] == ["yes"],
        )
