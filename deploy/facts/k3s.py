"""Everything the K3s phase decides from, in one read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from cluster.survey import sections
from deploy.facts.script import ScriptFact, file_states


@dataclass(frozen=True)
class K3sState:
    """K3s on a host. `running`: digest of the configuration its process was started with, "" if unknown.

    `node`: the Kubernetes Node object as the API server gives it, {} while there is none.
    """

    binary: str
    links: dict[str, str]
    elsewhere: frozenset[str]
    files: dict[str, str]
    token: bool
    active: str
    enabled: bool
    reload_needed: bool
    running: str
    node: dict[str, Any]

    @property
    def ready(self) -> bool:
        """Whether the node's Ready condition is true."""
        conditions = self.node.get("status", {}).get("conditions", [])
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


class K3s(ScriptFact[K3sState]):
    """The installed binary, links, `files`, the unit and its process, and the node."""

    script = "k3s"

    def command(self, unit: str, binary: str, role: str, files: list[str]) -> str:
        return self.run(unit, binary, role, *files)

    def process(self, output: list[str]) -> K3sState:
        found = sections(output)
        active, enabled, reload_needed = (*found["unit"], "", "", "")[:3]
        node = "\n".join(found["node"])
        return K3sState(
            binary="".join(found["binary"]),
            links=dict(line.split(" ", 1) for line in found["links"]),
            elsewhere=frozenset(found["elsewhere"]),
            files=file_states(found["files"]),
            token=bool(found["token"]),
            active=active,
            enabled=enabled == "enabled",
            reload_needed=reload_needed == "yes",
            running="".join(found["running"]),
            node=json.loads(node) if node.startswith("{") else {},
        )
