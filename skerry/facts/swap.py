"""Every way a host gets swap."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.facts.script import ScriptFact
from skerry.model.fact_output import sections
from skerry.model.preparation.host_facts import CONTAINERS


@dataclass(frozen=True)
class SwapState:
    """`active`: devices and files in use now; the rest would bring swap back at the next boot."""

    active: tuple[str, ...]
    fstab: tuple[str, ...]
    units: tuple[str, ...]
    zram_generator: bool

    @property
    def off(self) -> bool:
        return not (self.active or self.fstab or self.units or self.zram_generator)


class Swap(ScriptFact[SwapState]):
    """Swap in use, in fstab, in units and by zram-generator. A container's swap is the machine's: none."""

    script = "swap"

    def command(self) -> str:
        return self.run()

    def process(self, output: list[str]) -> SwapState:
        found = sections(output)
        contained = bool(CONTAINERS & set(found["virtualisation"]))
        return SwapState(
            active=() if contained else tuple(found["active"]),
            fstab=tuple(found["fstab"]),
            units=tuple(found["units"]),
            zram_generator=bool(found["zram_generator"]),
        )
