"""What preflight checks on a host."""

from __future__ import annotations

from skerry.facts.script import ScriptFact
from skerry.model.preparation.host_facts import HostFacts, parse


class PreflightFacts(ScriptFact[HostFacts]):
    """A host's system. `reach`: a URL that the host must be able to fetch, unless it has the file `unless`."""

    script = "preflight"

    def command(self, reach: str = "", unless: str = "") -> str:
        return self.run(reach, unless)

    def process(self, output: list[str]) -> HostFacts:
        return parse(output)
