"""A server's report on its etcd member and cluster."""

from __future__ import annotations

from skerry.facts.script import ScriptFact
from skerry.model.k3s.etcd import EtcdReport, parse


class Etcd(ScriptFact["EtcdReport | None"]):
    """The member, its health, the list of members, the API server and the node; None if no etcd answers."""

    script = "etcd"

    def command(self) -> str:
        return self.run("etcd")

    def process(self, output: list[str]) -> EtcdReport | None:
        return parse(output)
