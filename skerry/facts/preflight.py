"""The fact behind preflight."""

from __future__ import annotations

from skerry.facts.script import ScriptFact
from skerry.model.preparation.host_facts import HostFacts, parse


class PreflightFacts(ScriptFact[HostFacts]):
    """What preflight checks of a host. `reach`: a URL the host must be able to fetch, `unless` it has a file."""

    script = "preflight"

    def command(self, reach: str = "", unless: str = "") -> str:
        return self.run(reach, unless)

    def process(self, output: list[str]) -> HostFacts:
        return parse(output)
