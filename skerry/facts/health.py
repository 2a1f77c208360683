"""How a host fares beside Kubernetes and etcd."""

from __future__ import annotations

from skerry.facts.script import ScriptFact
from skerry.model.k3s.health import Health, parse


class HostHealth(ScriptFact[Health]):
    """Certificates, snapshots, free disk, a pending reboot or restore, and etcd's latencies."""

    script = "health"

    def command(self, snapshots: str) -> str:
        return self.run(snapshots)

    def process(self, output: list[str]) -> Health:
        return parse(output)
