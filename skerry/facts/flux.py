"""What the cluster follows."""

from __future__ import annotations

import json
from dataclasses import dataclass

from skerry.facts.script import ScriptFact
from skerry.model.fact_output import sections
from skerry.model.flux import followed_location, installed_version


@dataclass(frozen=True)
class FluxState:
    """Flux's version, and the repository, branch and folder it follows; empty where there is none."""

    version: str = ""
    follows: tuple[str, str, str] = ("", "", "")


class Flux(ScriptFact[FluxState]):
    """Read from Flux's own objects with the first server's kubectl."""

    script = "flux"

    def command(self) -> str:
        return self.run()

    def process(self, output: list[str]) -> FluxState:
        space, source, root = (json.loads("\n".join(lines) or "{}") for lines in sections(output).values())
        if not (space and source and root):
            return FluxState()
        return FluxState(installed_version(space), followed_location(source, root))
