"""The datastore that servers share. The leader sends the whole state to every member; a majority commits it.

Terms, votes and the election restriction are Raft's (https://raft.github.io/raft.pdf, 5.2 and 5.4.1) with a log of one
entry, the newest state. Members speak HTTPS at etcd's peer port, with certificates of the peer CA.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .client import Client
from .log import error, info
from .switches import switch

if TYPE_CHECKING:
    from .cluster import Cluster

    Member = dict[str, Any]

BEAT_SECONDS, RPC_SECONDS = 0.5, 2.0


class NotCommitted(Exception):
    """There is no leader, or no majority has acknowledged the change. It may still be committed later, as in etcd."""


class Etcd:
    """One member: its term and vote, the leader, and the revisions that the others have acknowledged."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.name, self.lock = cluster, name, cluster.lock
        self.path = cluster.path.parent / "vote"
        stored = json.loads(self.path.read_text()) if self.path.exists() else {"term": 0, "voted": 0}
        self.term, self.voted = stored["term"], stored["voted"]
        # Guards term and vote alone: threads that must not wait for `lock` change them, too.
        self.vote_lock = threading.Lock()
        self.leader = 0  # a member's id; 0 if unknown
        self.heard = time.monotonic() if len(self.voters()) > 1 else 0.0
        # By member id: the time of its last answer, and its revision.
        self.acknowledged: dict[int, tuple[float, list[int]]] = {}
        self.identity = (cluster.folder / "tls/etcd/peer-server-client.crt").read_text()
        self.identity += (cluster.folder / "tls/etcd/peer-server-client.key").read_text()

    @property
    def members(self) -> list[Member]:
        members: list[Member] = self.cluster.state["members"]
        return members

    @property
    def revision(self) -> list[int]:
        revision: list[int] = self.cluster.state["revision"]
        return revision

    @property
    def id(self) -> int:
        return next((member["id"] for member in self.members if member["name"] == self.name), 0)

    @property
    def leads(self) -> bool:
        return self.leader == self.id != 0

    def voters(self) -> list[Member]:
        return [member for member in self.members if not member.get("isLearner")]

    def is_voter(self) -> bool:
        return any(member["name"] == self.name for member in self.voters())

    def is_healthy(self) -> bool:
        """Whether a majority follows the leader, as far as this member has heard recently."""
        if not self.leads:
            return bool(self.leader) and time.monotonic() - self.heard < 2 * _election_timeout()
        recent = [member for member in self.voters() if self._is_recent(member)]
        return len(recent) > len(self.voters()) // 2

    def leader_url(self) -> str:
        """The leader's peer URL. Waits for an election as long as etcd: 5 s and two elections. Raises NotCommitted."""
        deadline = time.monotonic() + 5 + 2 * float(switch("election_seconds"))
        while time.monotonic() < deadline:
            for member in self.members:
                if member["id"] == self.leader:
                    return str(member["peerURLs"][0])
            time.sleep(0.05)
        raise NotCommitted("etcdserver: request timed out")

    def run(self) -> None:
        """Lead, follow or call elections until the process ends."""
        wait = 0.0 if len(self.voters()) == 1 else _election_timeout()
        while True:
            if self.leads:
                self._beat()
                time.sleep(BEAT_SECONDS)
            elif self.is_voter() and time.monotonic() - self.heard > wait:
                self.campaign()
                wait = _election_timeout()
                self.heard = time.monotonic()
            else:
                time.sleep(0.05)

    def commit(self) -> None:
        """Give the present state a new revision and wait until a majority has it. Raises NotCommitted."""
        with self.lock:
            if not self.leads:
                raise NotCommitted("etcdserver: not the leader")
            self.cluster.state["revision"] = [self.term, self.revision[1] + 1]
            self.cluster.write()
            if not self._spread(with_state=True):
                raise NotCommitted("etcdserver: request timed out")

    def add(self, name: str, peer_url: str, client_url: str) -> None:
        """Add a member as a learner. Raises NotCommitted with etcd's message if it must wait."""
        with self.lock:
            node = name.rpartition("-")[0]
            known = [member for member in self.members if member["name"].rpartition("-")[0] == node]
            if any(member["name"] != name for member in known):
                raise NotCommitted("duplicate node name found, please use a unique name for this node")
            if known:
                return
            if any(member.get("isLearner") for member in self.members):
                raise NotCommitted("etcdserver: too many learner members in cluster")
            if not all(self._is_recent(member) for member in self.voters()):
                raise NotCommitted("etcdserver: unhealthy cluster")
            self.members.append(new_member(name, peer_url, client_url, learner=True))
            self.commit()

    def remove(self, node: str) -> None:
        """Remove the member of a deleted node. The caller commits."""
        remaining = [member for member in self.members if member["name"].rpartition("-")[0] != node]
        self.cluster.state["members"] = remaining

    def answer(self, path: str, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to another member: to a heartbeat, a new state, a vote request, or a call for an election."""
        with self.lock:
            if path == "/vote":
                return self._vote(message)
            if path == "/campaign":
                threading.Thread(target=self.campaign, daemon=True).start()
                return {}
            if message["term"] < self.term:
                return {"term": self.term, "revision": [-1, 0]}
            self._see(message["term"])
            self.leader, self.heard = message["leader"], time.monotonic()
            if "state" in message:
                self.cluster.state = message["state"]
                self.cluster.write()
            return {"term": self.term, "revision": self.revision}

    def campaign(self) -> None:
        """Ask for votes, and lead with those of a majority."""
        with self.lock:
            self._see(self.term + 1, voted=self.id)
            self.leader, term = 0, self.term
            request = {"term": term, "candidate": self.id, "revision": self.revision}
        answers = self._ask_all("/vote", request)
        if any(answer.get("removed") for answer in answers.values()):
            error("etcd: the member has been permanently removed from the cluster")
            os._exit(1)  # an exception would end only this thread
        with self.lock:
            granted = 1 + sum(bool(answer.get("granted")) for answer in answers.values())
            if term == self.term and granted > len(self.voters()) // 2:
                self.leader, self.acknowledged = self.id, {}
                info(f"etcd: {self.name} became leader at term {term}")
                try:
                    self.commit()
                except NotCommitted:
                    self.leader = 0

    def hand_over(self) -> None:
        """Before an orderly shutdown, let another member call an election at once, as etcd does."""
        others = [
            member for member in self.voters() if member["name"] != self.name and self._is_recent(member)
        ]
        if self.leads and others:
            self._ask(others[0], "/campaign", {"now": True})
            time.sleep(0.3)

    def _vote(self, message: dict[str, Any]) -> dict[str, Any]:
        if message["candidate"] not in [member["id"] for member in self.members]:
            return {"term": self.term, "removed": self.is_healthy()}
        if message["term"] > self.term:
            self._see(message["term"])
            self.leader = 0
        free = message["term"] == self.term and self.voted in (0, message["candidate"])
        granted = free and message["revision"] >= self.revision
        if granted:
            self._see(self.term, voted=message["candidate"])
            self.heard = time.monotonic()
        return {"term": self.term, "granted": granted}

    def _see(self, term: int, voted: int = 0) -> None:
        """Store the term and the vote in it, so that they survive a restart."""
        from .cluster import write

        with self.vote_lock:
            voted = voted or (self.voted if term == self.term else 0)
            if term >= self.term and (term, voted) != (self.term, self.voted):
                self.term, self.voted = term, voted
                write(self.path, json.dumps({"term": term, "voted": voted}))

    def _beat(self) -> None:
        self._spread(with_state=False)
        with self.lock:
            if self.leads and not self.is_healthy():
                info("etcd: stepped down, because quorum is not active")
                self.leader = 0
            learners = [member for member in self.members if member.get("isLearner")]
            if self.leads and learners and self._may_vote(learners[0]):
                del learners[0]["isLearner"]
                try:
                    self.commit()
                except NotCommitted:
                    learners[0]["isLearner"] = True

    def _may_vote(self, learner: Member) -> bool:
        _, revision = self.acknowledged.get(learner["id"], (0.0, []))
        return revision == self.revision and time.time() - learner["added"] > float(switch("learner_seconds"))

    def _spread(self, with_state: bool) -> bool:
        """Send a heartbeat, with the state to members that lack it. Returns whether a majority has the newest state."""
        with self.lock:  # copies the state, which may change while it is sent
            common = {"term": self.term, "leader": self.id}
            revision, me = self.revision, self.id
            revisions = {id: member_revision for id, (_, member_revision) in self.acknowledged.items()}
            behind = [
                member["id"]
                for member in self.members
                if with_state or revisions.get(member["id"]) != revision
            ]
            full = {**common, "state": json.loads(json.dumps(self.cluster.state))} if behind else common

        def message(member: Member) -> dict[str, Any]:
            return full if member["id"] in behind else common

        def record(member: Member, answer: dict[str, Any]) -> None:
            self.acknowledged[member["id"]] = (time.monotonic(), answer["revision"])
            if answer["term"] > self.term:
                self.leader = 0
                self._see(answer["term"])

        needed = len(self.voters()) // 2 + 1
        voters = {member["id"] for member in self.voters()}

        def enough() -> bool:
            current = {id for id, (_, known) in self.acknowledged.items() if known == revision} & voters
            return len(current | ({me} & voters)) >= needed

        self.acknowledged[me] = (time.monotonic(), revision)
        self._ask_all("/append", message, record, enough)
        return enough()

    def _ask_all(
        self,
        path: str,
        message: Any,
        record: Callable[[Member, dict[str, Any]], None] | None = None,
        enough: Callable[[], bool] = lambda: False,
    ) -> dict[int, dict[str, Any]]:
        """Ask all other members in parallel. Waits for all answers, until `enough()`, or for RPC_SECONDS."""
        answers: dict[int, dict[str, Any]] = {}
        others = [member for member in self.members if member["name"] != self.name]
        done = threading.Semaphore(0)

        def ask(member: Member) -> None:
            answer = self._ask(member, path, message(member) if callable(message) else message)
            if answer is not None:
                answers[member["id"]] = answer
                if record:
                    record(member, answer)
            done.release()

        for member in others:
            threading.Thread(target=ask, args=(member,), daemon=True).start()
        deadline = time.monotonic() + RPC_SECONDS
        for _ in others:
            if enough() or not done.acquire(timeout=max(0.0, deadline - time.monotonic())):
                break
        return dict(answers)

    def _ask(self, member: Member, path: str, message: dict[str, Any]) -> dict[str, Any] | None:
        try:
            code, text = self.client(member["peerURLs"][0]).request("POST", path, message)
        except (OSError, ValueError):
            return None
        answer: dict[str, Any] | None = json.loads(text) if code == 200 else None
        return answer

    def client(self, url: str) -> Client:
        """A client for another member, with mutual TLS."""
        ca = self.cluster.state["bootstrap"]["files"]["etcd/peer-ca.crt"]
        return Client(url, ca, self.identity)

    def _is_recent(self, member: Member) -> bool:
        if member["name"] == self.name:
            return True
        return time.monotonic() - self.acknowledged.get(member["id"], (-1e9, []))[0] < 2 * _election_timeout()


def new_member(name: str, peer_url: str, client_url: str, learner: bool) -> Member:
    """A member as etcd lists it."""
    member: Member = {
        "id": random.getrandbits(63),
        "peerURLs": [peer_url],
        "name": name,
        "clientURLs": [client_url],
    }
    return {**member, "isLearner": True, "added": time.time()} if learner else member


def _election_timeout() -> float:
    """The time that a follower waits for a heartbeat; random, so that two members rarely campaign at once."""
    return float(switch("election_seconds")) * random.uniform(1.0, 1.6)
