"""What `invoke uninstall` has to remove from a host."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.facts.script import ScriptFact, file_states
from skerry.model.fact_output import sections


@dataclass(frozen=True)
class InstalledState:
    """`files`: `File.state` by path. `uninstaller`: K3s's uninstall script exists. `packages`: from Skerry.

    `volumes`: local volumes that hold data. `node`: the node's name if K3s runs as a server, else "".
    """

    files: dict[str, str]
    uninstaller: bool
    volumes: tuple[str, ...]
    node: str
    packages: tuple[str, ...]


class Installed(ScriptFact[InstalledState]):
    """K3s, its local volumes, our configuration `files`, and the packages that we installed."""

    script = "installed"

    def command(self, files: list[str]) -> str:
        return self.run(*files)

    def process(self, output: list[str]) -> InstalledState:
        section = sections(output)
        return InstalledState(
            files=file_states(section["files"]),
            uninstaller=bool(section["uninstaller"]),
            volumes=tuple(section["volumes"]),
            node="".join(section["node"]),
            packages=tuple(section["packages"]),
        )
