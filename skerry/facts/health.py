"""The health of a host, apart from Kubernetes and etcd."""

from __future__ import annotations

from skerry.facts.script import ScriptFact
from skerry.model.k3s.health import Health, parse


class HostHealth(ScriptFact[Health]):
    """Certificates, free disk space, a pending reboot or restore, etcd's latencies, the newest file in `snapshots`."""

    script = "health"

    def command(self, snapshots: str) -> str:
        return self.run(snapshots)

    def process(self, output: list[str]) -> Health:
        return parse(output)
