"""The order in which hosts start or restart K3s: servers one at a time, then the agents in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from pyinfra import host, inventory

from skerry.facts.batch import BatchedFact
from skerry.facts.k3s import K3sState
from skerry.model.k3s.node import Node
from skerry.model.k3s.upgrade import batches
from skerry.model.preparation.host_facts import HostFacts
from skerry.operations.servers import server_names
from skerry.phases.host_spec import host_specs
from skerry.phases.k3s.start import start, start_if_down
from skerry.phases.preflight import all_host_facts

START = "Start K3s and wait for a Ready node"


def roll_out(node: Node, fact: BatchedFact[K3sState]) -> None:
    """Start K3s on the current host when that host's turn comes."""
    # Called on every host, even where it changes nothing: pyinfra orders operations by their depth in each host's list.
    start_if_down(name="Start the servers that are down, all at once", node=node)
    # Not pyinfra's _serial and _parallel: they go through a set, in any order, and take a server and an agent for one
    # batch (State.active_hosts, pyinfra 3.10). tests/lab/cluster showed the second server restarted before the first.
    for server in host.loop(server_order(server_names(), all_host_facts())):
        if server == host.name:
            start(name=START, node=node, fact=fact)
    agents = agent_batches(all_host_facts())
    for index, batch in enumerate(host.loop(agents)):
        if host.name in batch:
            start(name=START, node=node, fact=fact, earlier=[*chain(*agents[:index])])


def server_order(names: Sequence[str], facts: Mapping[str, HostFacts]) -> list[str]:
    """Returns the servers of the run: first those that are not up, then those that run, then new ones.

    etcd may need the servers that are not up before it can spare one that runs, and a server with a new version must
    not join a cluster whose servers still have the old one.
    """

    def rank(name: str) -> int:
        return 2 if not facts[name].datastore else int(facts[name].server_state == "active")

    return sorted((name for name in names if name in facts), key=rank)


def agent_batches(facts: Mapping[str, HostFacts]) -> list[list[str]]:
    """Returns the run's agents: those that keep their version or are new as one batch, then the others in batches.

    While one batch changes version, the other agents run its pods.
    """
    specs = host_specs()
    agents = [agent.name for agent in inventory.get_group("agents", []) if agent.name in facts]
    changing = [
        name for name in agents if facts[name].k3s_version not in ("", specs[name].settings.k3s_version)
    ]
    if not changing:
        return [agents]
    others = [name for name in agents if name not in changing]
    return [others, *batches(changing, specs[changing[0]].settings.upgrade_batch_percent)]
