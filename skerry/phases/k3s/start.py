"""Operations that start or restart K3s on a host, without costing etcd its quorum."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from pyinfra import host
from pyinfra import state as run
from pyinfra.api import StringCommand
from pyinfra.api.command import FunctionCommand

from skerry import templates
from skerry.facts.batch import BatchedFact
from skerry.facts.k3s import K3sState
from skerry.model.k3s.node import Node
from skerry.operations import Commands, drain, operation, refuse, servers
from skerry.phases.k3s.node import k3s_fact
from skerry.phases.k3s.restart import Action, action_needed, join_conflict, needs_drain
from skerry.phases.preflight import all_host_facts, this_host_facts


def is_down() -> bool:
    """Returns whether this host is one of several servers, has a datastore, and its K3s does not run."""
    host_facts = this_host_facts()
    has_stopped = host_facts.server_state in ("inactive", "failed")
    return len(servers.server_names()) > 1 and bool(host_facts.datastore) and has_stopped


@operation
def start_if_down(node: Node) -> Commands:
    """Start a stopped server without waiting: servers started one by one would each wait in vain for a majority."""
    if not is_down():
        host.noop("no server here is down")
        return
    yield StringCommand(
        f"systemctl daemon-reload && systemctl enable --quiet {node.unit} && "
        f"systemctl start --no-block {node.unit}"
    )


@operation
def start(node: Node, fact: BatchedFact[K3sState], earlier: Sequence[str] = ()) -> Commands:
    """Start or restart K3s if `action_needed` or `join_conflict` says so, and wait until its node is Ready.

    A server is restarted only while etcd keeps quorum without it. The rollout stops at the first failure of a server
    or of one of the `earlier` hosts. The state before this phase decides: the phase has corrected the files since, so
    that only the earlier reading shows with which files the process was started.
    """
    state = fact.at_start()
    action = action_needed(node, state)
    failed = servers.failure_before(run, host.name, earlier)
    conflict = "" if failed or node.server_url is None else _join_conflict(node, state)
    if not (action or conflict or state.drained):
        host.noop("K3s runs as wanted")
    elif failed:
        yield refuse(
            f"{failed} has failed, so that K3s here was left as it was; mend that, then run it again"
        )
    elif conflict == "cluster":
        yield refuse("this host holds the datastore of another cluster; save it, then uninstall K3s here")
    else:
        if conflict == "tokens":
            yield FunctionCommand(servers.take_tokens, (node.role,), {})
        yield from _start(node, state, action)


def _join_conflict(node: Node, state: K3sState) -> str:
    # Read again: a new cluster's first server has created its tokens since the start.
    first_server = k3s_fact(servers.server_names()[0]).current()
    return join_conflict(node.role, state, first_server)


def _start(node: Node, state: K3sState, action: Action) -> Commands:
    seconds = node.settings.k3s_ready_timeout_seconds
    has_etcd = node.role == "server" and node.settings.k3s_datastore == "etcd"
    if action == "restart" and node.role == "server" and is_down():
        # `start_if_down` has started this server with all others that were down.
        action = "wait"
    if has_etcd and action == "restart" and state.active in ("active", "activating"):
        yield FunctionCommand(servers.wait_for_quorum_without, (seconds,), {})
    drains = action == "restart" and needs_drain(node, state, len(all_host_facts()))
    if drains:
        yield _drain(node, state)
    if action:
        arguments = [node.unit, str(seconds), action, node.role]
        yield StringCommand(f"set -- {shlex.join(arguments)}\n{templates.text('k3s/start.sh')}")
    if has_etcd and action:
        yield FunctionCommand(servers.wait_for_full_member, (seconds,), {})
    if state.drained or drains:
        yield FunctionCommand(drain.uncordon, (), {})


def _drain(node: Node, state: K3sState) -> FunctionCommand:
    name, spec = state.node["metadata"]["name"], state.node["spec"]
    cordoned_by_others = bool(spec.get("unschedulable")) and not state.drained
    return FunctionCommand(drain.drain, (name, node.settings.reboot_drain_seconds, cordoned_by_others), {})
