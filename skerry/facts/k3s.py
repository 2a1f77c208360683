"""Everything the K3s phase decides from, in one read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from skerry.facts.script import ScriptFact, file_states
from skerry.model.fact_output import sections
from skerry.model.k3s.paths import checksum_file


@dataclass(frozen=True)
class K3sState:
    """K3s on a host. `binary`, `images`: their checksums, "" where there are none. `running`: digest of the
    configuration its process was started with, "" if unknown.

    `started`: when that was, in seconds since 1970; 0 if unknown. `loaded`: paths unchanged since, or gone before.
    `node`: the Kubernetes Node object as the API server gives it, {} while there is none.
    `tokens`: sha256 of each token the host has ("server", "agent") and, on a server, of those others need to join it
    ("join-server", "join-agent"). `cluster`: the hash of the server CA that its datastore was made with.
    `drained`: the node, where an upgrade has cordoned it. `restore`: the archive whose datastore lies here to be
    restored, "" for none.
    """

    binary: str
    links: dict[str, str]
    elsewhere: frozenset[str]
    files: dict[str, str]
    tokens: dict[str, str]
    active: str
    enabled: bool
    reload_needed: bool
    running: str
    started: int
    node: dict[str, Any]
    loaded: frozenset[str] = frozenset()
    cluster: str = ""
    drained: str = ""
    restore: str = ""
    images: str = ""

    @property
    def ready(self) -> bool:
        """Whether the running process has reported its node Ready; what its predecessor said does not count."""
        conditions = self.node.get("status", {}).get("conditions", [])
        return any(
            each["type"] == "Ready"
            and each["status"] == "True"
            and _seconds(each["lastHeartbeatTime"]) > self.started
            for each in conditions
        )


def _seconds(time: str) -> int:
    return int(datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp())


class K3s(ScriptFact[K3sState]):
    """The installed `binary` and archive of `images` ("": none), links, `files`, the unit, its process, the node."""

    script = "k3s"

    def command(self, unit: str, binary: str, images: str, role: str, files: list[str]) -> str:
        return self.run(unit, binary, checksum_file(binary), images, checksum_file(images), role, *files)

    def process(self, output: list[str]) -> K3sState:
        found = sections(output)
        active, enabled, reload_needed = (*found["unit"], "", "", "")[:3]
        node = "\n".join(found["node"])
        return K3sState(
            binary="".join(found["binary"]),
            links=dict(line.split(" ", 1) for line in found["links"]),
            elsewhere=frozenset(found["elsewhere"]),
            files=file_states(found["files"]),
            tokens=dict(line.split(" ", 1) for line in found["tokens"]),
            active=active,
            enabled=enabled == "enabled",
            reload_needed=reload_needed == "yes",
            running="".join(found["running"]),
            started=int("".join(found["started"]) or 0),
            node=json.loads(node) if node.startswith("{") else {},
            loaded=frozenset(found["loaded"]),
            cluster="".join(found["cluster"]),
            drained="".join(found["drained"]),
            restore="".join(found["restore"]),
            images="".join(found["images"]),
        )
