"""Which packages a host lacks."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.facts.script import ScriptFact
from skerry.model.fact_output import sections


@dataclass(frozen=True)
class PackageState:
    """`missing`: wanted and not fully installed. `interrupted`: dpkg was killed in the middle of something."""

    missing: tuple[str, ...]
    interrupted: bool


class Packages(ScriptFact[PackageState]):
    """The state of the named packages; unlike pyinfra's `deb.DebPackages`, also of a half-done dpkg."""

    script = "packages"

    def command(self, packages: list[str]) -> str:
        return self.run(*packages)

    def process(self, output: list[str]) -> PackageState:
        found = sections(output)
        return PackageState(tuple(found["missing"]), bool(found["interrupted"]))
