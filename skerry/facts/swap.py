"""Every source of swap on a host."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.facts.script import ScriptFact
from skerry.model.fact_output import sections
from skerry.model.preparation.host_facts import CONTAINERS


@dataclass(frozen=True)
class SwapState:
    """`active`: devices and files in use. The other fields: what would turn swap on at the next boot."""

    active: tuple[str, ...]
    fstab: tuple[str, ...]
    units: tuple[str, ...]
    zram_generator: bool


class Swap(ScriptFact[SwapState]):
    """Swap in use, in fstab, in units and by zram-generator. In a container, the machine's swap is left out."""

    script = "swap"

    def command(self) -> str:
        return self.run()

    def process(self, output: list[str]) -> SwapState:
        section = sections(output)
        in_container = bool(CONTAINERS & set(section["virtualisation"]))
        return SwapState(
            active=() if in_container else tuple(section["active"]),
            fstab=tuple(section["fstab"]),
            units=tuple(section["units"]),
            zram_generator=bool(section["zram_generator"]),
        )
