"""What there is to uninstall."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.facts.script import ScriptFact, file_states
from skerry.model.fact_output import sections


@dataclass(frozen=True)
class InstalledState:
    """`volumes`: local volumes that hold data. `node`: the node's name while its server runs, else ""."""

    files: dict[str, str]
    uninstaller: bool
    volumes: tuple[str, ...]
    node: str
    packages: tuple[str, ...]


class Installed(ScriptFact[InstalledState]):
    """K3s, its local volumes, our configuration `files`, and the packages we brought."""

    script = "installed"

    def command(self, files: list[str]) -> str:
        return self.run(*files)

    def process(self, output: list[str]) -> InstalledState:
        found = sections(output)
        return InstalledState(
            files=file_states(found["files"]),
            uninstaller=bool(found["uninstaller"]),
            volumes=tuple(found["volumes"]),
            node="".join(found["node"]),
            packages=tuple(found["packages"]),
        )
