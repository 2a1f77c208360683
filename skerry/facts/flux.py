"""The Git repository that the cluster follows."""

from __future__ import annotations

import json
from dataclasses import dataclass

from skerry.facts.script import ScriptFact
from skerry.model.fact_output import sections
from skerry.model.flux import followed_location, installed_version


@dataclass(frozen=True)
class FluxState:
    """Flux's version, and the repository, branch and folder that it follows; "" if one of its objects is missing."""

    version: str = ""
    follows: tuple[str, str, str] = ("", "", "")


class Flux(ScriptFact[FluxState]):
    """Flux's own objects, read with the first server's kubectl."""

    script = "flux"

    def command(self) -> str:
        return self.run()

    def process(self, output: list[str]) -> FluxState:
        objects = [json.loads("\n".join(lines) or "{}") for lines in sections(output).values()]
        if not all(objects):
            return FluxState()
        namespace, source, kustomization = objects
        return FluxState(installed_version(namespace), followed_location(source, kustomization))
