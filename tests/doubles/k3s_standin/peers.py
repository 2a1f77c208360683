"""A server's etcd member on the network: the peer port, the metrics port, and etcd's configuration file."""

from __future__ import annotations

import json
import random
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cluster import Cluster, write
from .etcd import Etcd, NotCommitted, new_member
from .listener import Listener, tls
from .log import fatal, info
from .node import Node
from .switches import switch
from .trust import JoinError, trusted

if TYPE_CHECKING:
    from collections.abc import Callable

    from .listener import Answer

JOIN_SECONDS, LOG_SECONDS = 2.0, 5.0


class Peers:
    """Starts this server's etcd member, and joins it to the cluster if it is new."""

    def __init__(self, cluster: Cluster, node: Node, expose_metrics: bool) -> None:
        self.cluster, self.node = cluster, node
        self.port = int(switch("etcd_port"))
        self.peer, self.client = (f"https://{node.address}:{self.port - offset}" for offset in (0, 1))
        self.metrics = [
            "127.0.0.1",
            *([node.address] if expose_metrics and node.address != "127.0.0.1" else []),
        ]

    def start(self, token: str, forwarded: Answer) -> None:
        """Join if the member is new, listen, start Raft in a thread, and wait until the member votes."""
        name = self._name()
        if self.cluster.joins:
            self._join(name, token)
        if not self.cluster.state["members"]:
            self.cluster.state["members"] = [new_member(name, self.peer, self.client, learner=False)]
        self.cluster.write()
        if not any(member["name"] == name for member in self.cluster.state["members"]):
            fatal(f"etcd: this server is a not a member of the etcd cluster. Expect: {name}={self.peer}")
        etcd = Etcd(self.cluster, name)
        self._listen(etcd, forwarded)
        self.cluster.etcd = etcd
        threading.Thread(target=etcd.run, daemon=True).start()
        logged = 0.0
        while not (etcd.is_healthy() and etcd.is_voter()):
            if time.monotonic() - logged > LOG_SECONDS and (logged := time.monotonic()):
                info("Waiting for etcd: no leader, or this server has not yet been promoted to voting member")
            time.sleep(0.02)

    def _name(self) -> str:
        path = self.cluster.folder / "db/etcd/name"
        if not path.exists():
            write(path, f"{self.node.name}-{random.getrandbits(32):08x}")
        return path.read_text()

    def _join(self, name: str, token: str) -> None:
        member = {"name": name, "peer": self.peer, "client": self.client}
        while True:
            try:
                client = trusted(self.cluster.joins, token, "server")
                code, text = client.request("POST", "/v1-skerry-double/members", member)
            except (JoinError, OSError) as error:
                code, text = 500, json.dumps({"message": str(error)})
            answer = json.loads(text)
            if code == 200:
                self.cluster.state.update(answer)
                info(f"Adding member {name}={self.peer} to etcd cluster")
                return
            if "duplicate node name" in answer["message"]:
                fatal(f"ETCD join failed: {answer['message']}")
            info(f"Waiting for other members to finish joining etcd cluster: {answer['message']}")
            time.sleep(JOIN_SECONDS)

    def _listen(self, etcd: Etcd, forwarded: Answer) -> None:
        folder: Path = self.cluster.folder / "tls/etcd"
        own, key = folder / "peer-server-client.crt", folder / "peer-server-client.key"
        context = tls(own, key, folder / "peer-ca.crt", required=True)
        servers = [Listener(self.node.address, self.port, context, _peer_answer(etcd, forwarded))]
        servers += [Listener(address, self.port + 1, None, _metrics_answer(etcd)) for address in self.metrics]
        for server in servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        config = {
            "advertise-client-urls": self.client,
            "initial-advertise-peer-urls": self.peer,
            "listen-metrics-urls": ",".join(f"http://{address}:{self.port + 1}" for address in self.metrics),
            "listen-peer-urls": self.peer,
            "name": etcd.name,
        }
        lines = [f"{name}: {value}\n" for name, value in config.items()]
        write(self.cluster.folder / "db/etcd/config", "".join(lines))


def _peer_answer(etcd: Etcd, forwarded: Answer) -> Answer:
    def answer(
        method: str, target: str, headers: dict[str, str], body: bytes, certified: bool
    ) -> tuple[int, Any]:
        if (method, target) == ("GET", "/members"):
            return 200, [{key: member[key] for key in member if key != "added"} for member in etcd.members]
        message = json.loads(body)
        if target != "/request":
            return 200, etcd.answer(target, message)
        if not etcd.leads:
            raise NotCommitted("etcdserver: leader changed")
        request = (message["method"], message["target"], message["headers"], message["body"].encode())
        code, content = forwarded(*request, message["certified"])
        return 200, {"code": code, "content": content}

    return _guarded(answer)


def _metrics_answer(etcd: Etcd) -> Answer:
    def answer(
        method: str, target: str, headers: dict[str, str], body: bytes, certified: bool
    ) -> tuple[int, Any]:
        if target == "/health":
            healthy = etcd.is_healthy()
            reason = "" if healthy else "RAFT NO LEADER"
            return (200 if healthy else 503), {"health": str(healthy).lower(), "reason": reason}
        lines = (
            f"etcd_server_has_leader {int(bool(etcd.leader))}",
            f"etcd_server_is_leader {int(etcd.leads)}",
        )
        return 200, "\n".join([*lines, ""])

    return answer


def _guarded(answer: Callable[..., tuple[int, Any]]) -> Answer:
    def guarded(*request: Any) -> tuple[int, Any]:
        try:
            return answer(*request)
        except NotCommitted as error:
            return 200, {
                "code": 500,
                "content": {"kind": "Status", "message": str(error), "reason": "InternalError"},
            }

    return guarded
