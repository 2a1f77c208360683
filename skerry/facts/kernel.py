"""Kernel modules and sysctls of a host."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.facts.script import ScriptFact, file_states
from skerry.model.fact_output import sections
from skerry.model.preparation.host_facts import CONTAINERS


@dataclass(frozen=True)
class KernelState:
    """`files`: `File.state` by path. `sysctls`: the values of keys that exist. `own_kernel`: False in a container."""

    files: dict[str, str]
    missing_modules: tuple[str, ...]
    sysctls: dict[str, str]
    own_kernel: bool


class Kernel(ScriptFact[KernelState]):
    """Which `modules` are not loaded, the values of the sysctl `keys`, and our configuration `files`."""

    script = "kernel"

    def command(self, modules: list[str], keys: list[str], files: list[str]) -> str:
        return self.run(" ".join(modules), " ".join(keys), *files)

    def process(self, output: list[str]) -> KernelState:
        section = sections(output)
        return KernelState(
            files=file_states(section["files"]),
            missing_modules=tuple(section["missing_modules"]),
            sysctls=dict(line.split(" ", 1) for line in section["sysctls"]),
            own_kernel=not CONTAINERS & set(section["virtualisation"]),
        )
