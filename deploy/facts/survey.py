"""The fact behind preflight."""

from __future__ import annotations

from cluster.survey import Survey as HostSurvey
from cluster.survey import parse
from deploy.facts.script import ScriptFact


class Survey(ScriptFact[HostSurvey]):
    """What preflight checks of a host. `reach`: a URL the host must be able to fetch, `unless` it has a file."""

    script = "survey"

    def command(self, reach: str = "", unless: str = "") -> str:
        return self.run(reach, unless)

    def process(self, output: list[str]) -> HostSurvey:
        return parse(output)
