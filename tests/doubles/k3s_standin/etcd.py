"""The datastore that servers share: the whole state goes to every member, and counts once a majority has it on disk.

Terms, votes and the rule who may lead are Raft's (https://raft.github.io/raft.pdf, 5.2 and 5.4.1) with a log of one
entry: the newest state. Between members: HTTPS with certificates of a CA of their own, at etcd's peer port.
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
    """No majority has taken a change, or nobody leads. It may still come to be, as with etcd."""


class Etcd:
    """One member: who leads, what the others have, and when something counts."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.name, self.lock = cluster, name, cluster.lock
        self.path = cluster.path.parent / "vote"
        kept = json.loads(self.path.read_text()) if self.path.exists() else {"term": 0, "voted": 0}
        self.term, self.voted = kept["term"], kept["voted"]
        self.pen = (
            threading.Lock()
        )  # one thread at a time writes that down, also one that must not wait for the other
        self.leader = 0  # a member's id; 0: nobody known
        self.heard = time.monotonic() if len(self.voters()) > 1 else 0.0
        self.acknowledged: dict[
            int, tuple[float, list[int]]
        ] = {}  # when each member answered last, and what it has
        self.identity = (cluster.folder / "tls/etcd/peer-server-client.crt").read_text()
        self.identity += (cluster.folder / "tls/etcd/peer-server-client.key").read_text()

    @property
    def members(self) -> list[Member]:
        found: list[Member] = self.cluster.state["members"]
        return found

    @property
    def revision(self) -> list[int]:
        found: list[int] = self.cluster.state["revision"]
        return found

    @property
    def id(self) -> int:
        return next((each["id"] for each in self.members if each["name"] == self.name), 0)

    @property
    def leads(self) -> bool:
        return self.leader == self.id != 0

    def voters(self) -> list[Member]:
        return [each for each in self.members if not each.get("isLearner")]

    def is_voter(self) -> bool:
        return any(each["name"] == self.name for each in self.voters())

    def is_healthy(self) -> bool:
        """Whether a majority stands behind the leader, as far as this member has heard lately."""
        if not self.leads:
            return bool(self.leader) and time.monotonic() - self.heard < 2 * _patience()
        recent = [member for member in self.voters() if self._is_recent(member)]
        return len(recent) > len(self.voters()) // 2

    def leader_url(self) -> str:
        """Waits for a leader as long as etcd has a request wait: 5 s and two elections. Raises NotCommitted."""
        end = time.monotonic() + 5 + 2 * float(switch("election_seconds"))
        while time.monotonic() < end:
            for each in self.members:
                if each["id"] == self.leader:
                    return str(each["peerURLs"][0])
            time.sleep(0.05)
        raise NotCommitted("etcdserver: request timed out")

    def run(self) -> None:
        """Lead, follow, or call an election, until the process ends."""
        wait = 0.0 if len(self.voters()) == 1 else _patience()
        while True:
            if self.leads:
                self._beat()
                time.sleep(BEAT_SECONDS)
            elif self.is_voter() and time.monotonic() - self.heard > wait:
                self.campaign()
                wait = _patience()
                self.heard = time.monotonic()
            else:
                time.sleep(0.05)

    def commit(self) -> None:
        """Make the state as it is now the newest; returns once a majority has it. Raises NotCommitted."""
        with self.lock:
            if not self.leads:
                raise NotCommitted("etcdserver: not the leader")
            self.cluster.state["revision"] = [self.term, self.revision[1] + 1]
            self.cluster.write()
            if not self._spread(with_state=True):
                raise NotCommitted("etcdserver: request timed out")

    def add(self, name: str, peer_url: str, client_url: str) -> None:
        """A new member, first as a learner. Raises NotCommitted, in etcd's words, when it has to wait."""
        with self.lock:
            node = name.rpartition("-")[0]
            known = [each for each in self.members if each["name"].rpartition("-")[0] == node]
            if any(each["name"] != name for each in known):
                raise NotCommitted("duplicate node name found, please use a unique name for this node")
            if known:
                return
            if any(each.get("isLearner") for each in self.members):
                raise NotCommitted("etcdserver: too many learner members in cluster")
            if not all(self._is_recent(each) for each in self.voters()):
                raise NotCommitted("etcdserver: unhealthy cluster")
            self.members.append(member(name, peer_url, client_url, learner=True))
            self.commit()

    def remove(self, node: str) -> None:
        """Take the member of a deleted node out. The caller commits."""
        kept = [each for each in self.members if each["name"].rpartition("-")[0] != node]
        self.cluster.state["members"] = kept

    def answer(self, path: str, message: dict[str, Any]) -> dict[str, Any]:
        """What another member asks: to take a state or a sign of life, to vote, to call an election."""
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
        """Ask for votes; lead with those of a majority."""
        with self.lock:
            self._see(self.term + 1, voted=self.id)
            self.leader, term = 0, self.term
            request = {"term": term, "candidate": self.id, "revision": self.revision}
        answers = self._ask_all("/vote", request)
        if any(answer.get("removed") for answer in answers.values()):
            error("etcd: the member has been permanently removed from the cluster")
            os._exit(1)  # from a thread: an exception would end that alone
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
        """Before an orderly end: let the member that has most call an election at once, as etcd does."""
        others = [each for each in self.voters() if each["name"] != self.name and self._is_recent(each)]
        if self.leads and others:
            self._ask(others[0], "/campaign", {"now": True})
            time.sleep(0.3)

    def _vote(self, message: dict[str, Any]) -> dict[str, Any]:
        if message["candidate"] not in [each["id"] for each in self.members]:
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
        """Remember a term and one's vote in it across a restart."""
        from .cluster import write

        with self.pen:
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
            learners = [each for each in self.members if each.get("isLearner")]
            if self.leads and learners and self._may_vote(learners[0]):
                del learners[0]["isLearner"]
                try:
                    self.commit()
                except NotCommitted:
                    learners[0]["isLearner"] = True

    def _may_vote(self, learner: Member) -> bool:
        _, has = self.acknowledged.get(learner["id"], (0.0, []))
        return has == self.revision and time.time() - learner["added"] > float(switch("learner_seconds"))

    def _spread(self, with_state: bool) -> bool:
        """Send a sign of life, with the state to whoever lacks it. Returns whether a majority has the newest state."""
        with self.lock:  # a copy, because the state may change while it is sent
            common = {"term": self.term, "leader": self.id}
            revision, me = self.revision, self.id
            has = {id: revision_there for id, (_, revision_there) in self.acknowledged.items()}
            behind = [each["id"] for each in self.members if with_state or has.get(each["id"]) != revision]
            whole = {**common, "state": json.loads(json.dumps(self.cluster.state))} if behind else common

        def message(member: Member) -> dict[str, Any]:
            return whole if member["id"] in behind else common

        def take(member: Member, answer: dict[str, Any]) -> None:
            self.acknowledged[member["id"]] = (time.monotonic(), answer["revision"])
            if answer["term"] > self.term:
                self.leader = 0
                self._see(answer["term"])

        needed = len(self.voters()) // 2 + 1
        voters = {each["id"] for each in self.voters()}

        def enough() -> bool:
            have = {id for id, (_, has) in self.acknowledged.items() if has == revision} & voters
            return len(have | ({me} & voters)) >= needed

        self.acknowledged[me] = (time.monotonic(), revision)
        self._ask_all("/append", message, take, enough)
        return enough()

    def _ask_all(
        self,
        path: str,
        message: Any,
        take: Callable[[Member, dict[str, Any]], None] | None = None,
        enough: Callable[[], bool] = lambda: False,
    ) -> dict[int, dict[str, Any]]:
        """Ask every other member at once; wait for all, for enough, or for RPC_SECONDS."""
        answers: dict[int, dict[str, Any]] = {}
        others = [each for each in self.members if each["name"] != self.name]
        done = threading.Semaphore(0)

        def ask(member: Member) -> None:
            answer = self._ask(member, path, message(member) if callable(message) else message)
            if answer is not None:
                answers[member["id"]] = answer
                if take:
                    take(member, answer)
            done.release()

        for each in others:
            threading.Thread(target=ask, args=(each,), daemon=True).start()
        until = time.monotonic() + RPC_SECONDS
        for _ in others:
            if enough() or not done.acquire(timeout=max(0.0, until - time.monotonic())):
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
        """A client for another member, each side showing its certificate."""
        ca = self.cluster.state["bootstrap"]["files"]["etcd/peer-ca.crt"]
        return Client(url, ca, self.identity)

    def _is_recent(self, member: Member) -> bool:
        if member["name"] == self.name:
            return True
        return time.monotonic() - self.acknowledged.get(member["id"], (-1e9, []))[0] < 2 * _patience()


def member(name: str, peer_url: str, client_url: str, learner: bool) -> Member:
    """A member as etcd lists it."""
    one: Member = {
        "id": random.getrandbits(63),
        "peerURLs": [peer_url],
        "name": name,
        "clientURLs": [client_url],
    }
    return {**one, "isLearner": True, "added": time.time()} if learner else one


def _patience() -> float:
    """How long a follower waits for a leader's sign of life; at random, so that two rarely campaign at once."""
    return float(switch("election_seconds")) * random.uniform(1.0, 1.6)
