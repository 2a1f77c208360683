"""Which packages a host lacks."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.facts.script import ScriptFact
from skerry.model.fact_output import sections


@dataclass(frozen=True)
class PackageState:
    """`missing`: packages not installed, or not completely. `interrupted`: dpkg was killed during a change."""

    missing: tuple[str, ...]
    interrupted: bool


class Packages(ScriptFact[PackageState]):
    """The state of `packages`, and whether dpkg was interrupted, which pyinfra's `deb.DebPackages` does not read."""

    script = "packages"

    def command(self, packages: list[str]) -> str:
        return self.run(*packages)

    def process(self, output: list[str]) -> PackageState:
        section = sections(output)
        return PackageState(tuple(section["missing"]), bool(section["interrupted"]))
