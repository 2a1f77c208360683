"""Servers as members of one cluster: tokens from the first to those that join it, and one restart at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import gevent
from pyinfra import inventory
from pyinfra.api import Host, State
from pyinfra.context import ctx_host

from skerry.facts.etcd import Etcd
from skerry.facts.script import FOLDER
from skerry.local.waiting import remaining_problem
from skerry.model.files import File
from skerry.model.k3s.etcd import EtcdReports, member_problem, quorum_blocker
from skerry.model.k3s.paths import AGENT_TOKEN, FULL_TOKEN, TOKEN
from skerry.model.role import Role
from skerry.operations import as_root
from skerry.operations.files import write_script

_stopped: dict[int, str] = {}  # by inventory: the server that failed first; those after it only follow


def names() -> list[str]:
    """The servers in the inventory's order; the first one starts the cluster."""
    return [each.name for each in inventory.get_group("servers", [])]


def stopped(state: State, host_name: str, before: Sequence[str] = ()) -> str:
    """Whose failure in this run ends it for all that come after, a server's or one of `before`; "" for nobody's."""
    key = id(inventory.get_data())
    for name in [] if key in _stopped else [*names(), *before]:
        if name != host_name and _has_failed(state, inventory.get_host(name)):
            _stopped[key] = name
    return _stopped.get(key, "")


def _has_failed(state: State, each: Host) -> bool:
    operations = [data.operation_meta for data in state.ops[each].values()]
    return each in state.failed_hosts or any(one.is_complete() and one.did_error() for one in operations)


def take_tokens(state: State, host: Host, role: Role) -> bool:
    """Bring what `host` needs to join from the first server: over SSH, on standard input, never in an argument."""
    first = inventory.get_host(names()[0])
    script = f"cat {FULL_TOKEN} {AGENT_TOKEN}" if role == "server" else "agent_join_token"
    command = f"{(FOLDER / 'common.sh').read_text()}\n[ -s {FULL_TOKEN} ] && [ -s {AGENT_TOKEN} ] && {script}"
    fine, output = as_root(first, command)
    tokens = output.stdout_lines
    if not fine or len(tokens) != (2 if role == "server" else 1) or not tokens[0].startswith("K10"):
        return _say(host, f"{first.name} has no tokens to join it with; is K3s up there?")
    files = [
        File(path, f"{token}\n", "600") for path, token in zip((TOKEN, AGENT_TOKEN), tokens, strict=False)
    ]
    for file in files:
        fine, output = as_root(host, write_script(file), _stdin=file.content)
        if not fine:
            return _say(host, output.stderr)
    return True


def may_restart(state: State, host: Host, seconds: int) -> bool:
    """Whether etcd can be without this host's member for a while. What is just starting is waited for."""
    return _until(
        host, seconds, quorum_blocker, "K3s here was left as it was; mend the others, then run it again"
    )


def has_settled(state: State, host: Host, seconds: int) -> bool:
    """Whether this host's server is a full member again: API ready, node Ready, etcd member a healthy voter."""
    servers = names()
    after = servers[servers.index(host.name) + 1 :]
    rest = f"{', '.join(after)} and the agents were left as they were; " if after else ""
    return _until(
        host, seconds, member_problem, f"{rest}see `journalctl -u k3s` there, mend it, then run it again"
    )


def _until(host: Host, seconds: int, problem_of: Callable[[str, EtcdReports], str], go_on: str) -> bool:
    """Whether there is no problem any more within `seconds`; False at once when the host itself has gone away."""
    try:
        problem = remaining_problem(lambda: problem_of(host.name, reports(host)), seconds)
    except OSError as error:
        return _say(host, f"could not be asked any more ({error}); run it again to go on")
    return not problem or _say(host, f"{problem}, also after {seconds} s; {go_on}")


def reports(mine: Host) -> EtcdReports:
    """What the servers of this run say of their etcd, all asked at once; one that went away says nothing.

    Raises OSError when that is `mine`: waiting for it would be in vain.
    """
    jobs = {name: gevent.spawn(_report, inventory.get_host(name)) for name in names()}
    gevent.joinall(list(jobs.values()))
    found = {name: job.value for name, job in jobs.items()}
    if isinstance(lost := found[mine.name], Exception):
        raise OSError(str(lost))
    return {name: None if isinstance(said, Exception) else said for name, said in found.items()}


def _report(server: Host) -> object:
    """What a server says, None for nothing, or why it could not be asked."""
    if not server.connected:
        return None
    try:
        with ctx_host.use(server):
            fine, output = as_root(server, Etcd().command(), _timeout=60)
    except Exception as error:
        return error
    return Etcd().process(output.stdout_lines) if fine else None


def _say(host: Host, problem: str) -> bool:
    print(f"{host.name}: {problem}", file=sys.stderr)
    return False
