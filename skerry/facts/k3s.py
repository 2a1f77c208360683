"""Everything on which the K3s phase bases its decisions."""

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
    """K3s on a host.

    `binary`, `images`: their checksums, "" if missing. `links`: targets by name. `elsewhere`: which of kubectl, crictl
    and ctr are in PATH, ours included. `files`: `File.state` by path. `active`: systemd's ActiveState of the unit.
    `tokens`: sha256 of each token that the host has ("server", "agent") and, on a server, of those that other hosts
    need to join it ("join-server", "join-agent"). `cluster`: hash of the server CA with which the datastore was made.

    `reload_needed`: systemd has not loaded the changed unit. `running`: digest with which the running process was
    started, "" if unknown. `started`: when, in seconds since 1970, 0 if unknown. `loaded`: paths that have been
    unchanged, or missing, since the process started.

    `node`: the Node object of the Kubernetes API, {} if there is none. `drained`: the node's name if cordoned by
    Skerry, else "". `restore`: the archive whose datastore waits on this host to be restored, "" for none.
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
        """Whether the node is Ready as reported by the running process, not by an earlier one."""
        conditions = self.node.get("status", {}).get("conditions", [])
        return any(
            condition["type"] == "Ready"
            and condition["status"] == "True"
            and _seconds(condition["lastHeartbeatTime"]) > self.started
            for condition in conditions
        )


def _seconds(time: str) -> int:
    return int(datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp())


class K3s(ScriptFact[K3sState]):
    """The `binary`, the archive of `images` ("": none), links, `files`, the unit, its process and the node."""

    script = "k3s"

    def command(self, unit: str, binary: str, images: str, role: str, files: list[str]) -> str:
        return self.run(unit, binary, checksum_file(binary), images, checksum_file(images), role, *files)

    def process(self, output: list[str]) -> K3sState:
        section = sections(output)
        active, enabled, reload_needed = (*section["unit"], "", "", "")[:3]
        node = "\n".join(section["node"])
        return K3sState(
            binary="".join(section["binary"]),
            links=dict(line.split(" ", 1) for line in section["links"]),
            elsewhere=frozenset(section["elsewhere"]),
            files=file_states(section["files"]),
            tokens=dict(line.split(" ", 1) for line in section["tokens"]),
            active=active,
            enabled=enabled == "enabled",
            reload_needed=reload_needed == "yes",
            running="".join(section["running"]),
            started=int("".join(section["started"]) or 0),
            node=json.loads(node) if node.startswith("{") else {},
            loaded=frozenset(section["loaded"]),
            cluster="".join(section["cluster"]),
            drained="".join(section["drained"]),
            restore="".join(section["restore"]),
            images="".join(section["images"]),
        )
