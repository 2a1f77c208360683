"""Tokens from the first server, and waiting for etcd: what a host needs from the servers before and after a start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pyinfra import inventory
from pyinfra.api import Host, State
from pyinfra.context import ctx_host

from skerry.facts.etcd import Etcd
from skerry.facts.script import COMMON
from skerry.local.console import report
from skerry.local.waiting import remaining_problem
from skerry.model.files import File, write_script
from skerry.model.k3s.etcd import EtcdReport, EtcdReports, member_problem, quorum_blocker
from skerry.model.k3s.paths import AGENT_TOKEN, FULL_TOKEN, TOKEN
from skerry.model.role import Role
from skerry.operations import run_as_root
from skerry.operations.per_run import per_run


def server_names() -> list[str]:
    """Returns the servers' names in the inventory's order. The first server initialises the cluster."""
    return [server.name for server in inventory.get_group("servers", [])]


def failure_before(state: State, host_name: str, earlier: Sequence[str] = ()) -> str:
    """Returns the first host whose failure stops the rollout, another server or one of `earlier`; "" if none failed."""
    failures = _failures()
    for name in [] if failures else [*server_names(), *earlier]:
        if name != host_name and _has_failed(state, inventory.get_host(name)):
            failures.append(name)
    return failures[0] if failures else ""


@per_run
def _failures() -> list[str]:
    """Returns a list that keeps the first failed host: hosts that are refused because of that failure fail, too."""
    return []


def _has_failed(state: State, host: Host) -> bool:
    operations = [data.operation_meta for data in state.ops[host].values()]
    return host in state.failed_hosts or any(meta.is_complete() and meta.did_error() for meta in operations)


def take_tokens(state: State, host: Host, role: Role) -> bool:
    """Copy the tokens with which `host` joins from the first server, on standard input, never in an argument.

    Returns False, after printing why, if the first server has no tokens or a token cannot be written.
    """
    first = inventory.get_host(server_names()[0])
    print_tokens = f"cat {FULL_TOKEN} {AGENT_TOKEN}" if role == "server" else "agent_join_token"
    succeeded, output = run_as_root(
        first, f"{COMMON}\n[ -s {FULL_TOKEN} ] && [ -s {AGENT_TOKEN} ] && {print_tokens}"
    )
    tokens = output.stdout_lines
    if not succeeded or len(tokens) != (2 if role == "server" else 1) or not tokens[0].startswith("K10"):
        return _fail(host, f"{first.name} has no tokens to join it with; is K3s up there?")
    for path, token in zip((TOKEN, AGENT_TOKEN), tokens, strict=False):
        file = File(path, f"{token}\n", "600")
        succeeded, output = run_as_root(host, write_script(file), _stdin=file.content)
        if not succeeded:
            return _fail(host, output.stderr)
    return True


def wait_for_quorum_without(state: State, host: Host, seconds: int) -> bool:
    """Wait until etcd would keep its quorum without this host's member. Returns False as `_wait` does."""
    remedy = "K3s here was left as it was; mend the others, then run it again"
    return _wait(host, seconds, quorum_blocker, remedy)


def wait_for_full_member(state: State, host: Host, seconds: int) -> bool:
    """Wait until this host's API and node are Ready and its etcd member is a healthy voter. False as `_wait`."""
    servers = server_names()
    later = servers[servers.index(host.name) + 1 :]
    untouched = f"{', '.join(later)} and the agents were left as they were; " if later else ""
    remedy = f"{untouched}see `journalctl -u k3s` there, mend it, then run it again"
    return _wait(host, seconds, member_problem, remedy)


def _wait(host: Host, seconds: int, problem_of: Callable[[str, EtcdReports], str], remedy: str) -> bool:
    """Wait until `problem_of` returns "". Print why and return False after `seconds`, or if `host` cannot be read."""
    try:
        problem = remaining_problem(lambda: problem_of(host.name, reports(host)), seconds)
    except OSError as error:
        return _fail(host, f"could not be asked any more ({error}); run it again to go on")
    return not problem or _fail(host, f"{problem}, also after {seconds} s; {remedy}")


def reports(host: Host) -> EtcdReports:
    """Returns every server's report on etcd, all read at the same time; None if a server gave none, for any reason.

    Raises OSError if `host` itself can no longer be read, usually a lost connection: waiting would not help.
    """
    names = server_names()
    with ThreadPoolExecutor(len(names)) as pool:
        results = dict(zip(names, pool.map(_report, names), strict=True))
    if isinstance(lost := results[host.name], Exception):
        raise OSError(str(lost))
    return {name: None if isinstance(report, Exception) else report for name, report in results.items()}


def _report(name: str) -> EtcdReport | Exception | None:
    """Returns a server's report; None if it is not connected or its etcd does not answer; the exception if one came."""
    server = inventory.get_host(name)
    if not server.connected:
        return None
    try:
        with ctx_host.use(server):
            succeeded, output = run_as_root(server, Etcd().command(), _timeout=60)
    except Exception as error:
        return error
    return Etcd().process(output.stdout_lines) if succeeded else None


def _fail(host: Host, problem: str) -> bool:
    """Print the problem. Returns False, with which a FunctionCommand fails its operation."""
    report(f"{host.name}: {problem}")
    return False
