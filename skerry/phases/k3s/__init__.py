"""K3s: pinned, checksummed, configured, started, and its reservations read back from the node."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import chain
from pathlib import Path

from pyinfra import host, inventory
from pyinfra import state as run
from pyinfra.api import StringCommand, deploy
from pyinfra.api.command import FunctionCommand
from pyinfra.context import ctx_host

from skerry import templates
from skerry.facts.batch import BatchedFact
from skerry.facts.k3s import K3s, K3sState
from skerry.model.artifacts import ArtifactSource
from skerry.model.files import File
from skerry.model.hardening import k3s_cis
from skerry.model.k3s.eviction import memory_threshold
from skerry.model.k3s.paths import AGENT_TOKEN, FULL_TOKEN, KUBECTL, SERVER, TOKEN
from skerry.model.k3s.reservations import allocatable
from skerry.model.k3s.snapshots import CREDENTIALS
from skerry.model.k3s.upgrade import batches
from skerry.model.preparation.host_facts import HostFacts
from skerry.model.quantity import parse_cpu, parse_memory
from skerry.model.role import Role
from skerry.operations import Commands, drain, operation, relay, servers
from skerry.operations.artifact import install
from skerry.operations.files import remove, write
from skerry.phases.hardening_context import refuse
from skerry.phases.host_spec import host_specs, this_host_spec
from skerry.phases.k3s.node import LINK, Node, address, plan
from skerry.phases.preflight import all_host_facts, this_host_facts

START = "Start K3s and wait for a Ready node"

_found: dict[
    tuple[int, str], BatchedFact[K3sState]
] = {}  # by inventory and host: joiners look at the first server's


@deploy("K3s")
def k3s() -> None:
    """The pinned K3s runs with the wanted configuration and its node is Ready.

    It is restarted exactly when the running process was started with something else, and never otherwise; servers
    one after the other in the inventory's order, then the agents.
    """
    node = plan(this_host_spec(), this_host_facts())
    files = [*node.files, node.environment]
    found = BatchedFact(
        K3s,
        unit=node.unit,
        binary=node.binary,
        images=node.images,
        role=node.role,
        files=[*(file.path for file in files), k3s_cis.POLICIES, CREDENTIALS],
    )
    _found[id(inventory.get_data()), host.name] = found
    for name in node.sources:
        _bring(node, name)
    if node.server_url is None:
        _create_tokens(name="Create the cluster's tokens", found=found)
    _profile(name="Follow the profile", wanted=node, found=found)
    if (
        node.role == "server"
    ):  # called at two places, because pyinfra takes what stands at one for one operation
        _write(files, found)
    else:
        _write(files, found)
    if not node.credentials:
        remove(name="Remove S3's credentials", path=CREDENTIALS, found=found.at_start)
    _link(name="Link the version", wanted=node, found=found)
    _restore(name="Restore the datastore", wanted=node, found=found)
    # On every host, also where there is nothing to do: pyinfra orders operations by how many come before them.
    _start_at_once(name="Start the servers that are down, all at once", wanted=node)
    for server in host.loop(in_turn(servers.names(), all_host_facts())):
        if server == host.name:
            _start(name=START, wanted=node, found=found)
    turns = agents_in_turn(all_host_facts())
    for batch in host.loop(turns):
        if host.name in batch:
            _start(name=START, wanted=node, found=found, before=[*chain(*turns[: turns.index(batch)])])
    _compare(name="Compare allocatable with the reservations", wanted=node, found=found)


def _bring(node: Node, filename: str) -> None:
    """The artifact stands at its place: from its source, or from the host of this region that gets it there."""
    source, place, giver = node.sources[filename], node.destination(filename), givers()[host.name]
    wanting = [name for name, gives in givers().items() if gives == host.name != name]
    have, mine = partial(_sha256, host.name, filename), giver == host.name
    install(
        name=f"Install {filename} {node.settings.k3s_version}",
        source=source if mine else None,
        destination=place,
        found_sha256=have,
    )
    if not any(gives != name for name, gives in givers().items()):
        return
    needed = cache(
        partial(_lack, wanting, filename, source.sha256)
    )  # it is given as long as it was needed once
    relay.give(name=f"Give {filename}", path=place.path, sha256=source.sha256, needed=needed)
    theirs = ArtifactSource(relay.url(address(giver), source.sha256), source.sha256)
    install(
        name=f"Take {filename} from the region's first host",
        source=None if mine else theirs,
        destination=place,
        found_sha256=have,
    )
    relay.stop(name=f"Give {filename} no more", needed=needed)


def givers() -> dict[str, str]:
    """Who gets the artifacts for each host of the run: itself, or with artifact_relay the first of its like.

    That is who shares its region and architecture and wants the same version.
    """
    found: dict[str, str] = {}
    first: dict[tuple[str, ...], str] = {}
    facts_by_host = all_host_facts()
    for name in [each for each in host_specs() if each in facts_by_host]:
        settings = host_specs()[name].settings
        alike = (settings.region, facts_by_host[name].arch, settings.k3s_version)
        found[name] = first.setdefault(alike, name) if settings.artifact_relay else name
    return found


def _sha256(name: str, filename: str) -> str:
    """Of the artifact as a host had it when the run first asked, "" for none."""
    state = _of(name, BatchedFact.at_start)
    return state.images if "images" in filename else state.binary


def _lack(names: Sequence[str], filename: str, sha256: str) -> bool:
    """Whether any of these hosts had no such artifact. Those that have left the run need none."""
    here = [name for name in names if inventory.get_host(name) not in run.failed_hosts]
    return any(_sha256(name, filename) != sha256 for name in here)


def _of(name: str, ask: Callable[[BatchedFact[K3sState]], K3sState]) -> K3sState:
    """What one of the hosts has of K3s."""
    with ctx_host.use(inventory.get_host(name)):
        return ask(_found[id(inventory.get_data()), name])


def _write(files: list[File], found: BatchedFact[K3sState]) -> None:
    for file in files:
        write(name=f"Write {file.path}", file=file, found=found.at_start)


def is_down() -> bool:
    """Whether this host has one of several servers, which does not run."""
    host_facts = this_host_facts()
    return (
        len(servers.names()) > 1
        and bool(host_facts.datastore)
        and host_facts.server_state in ("inactive", "failed")
    )


def in_turn(names: Sequence[str], facts_by_host: Mapping[str, HostFacts]) -> list[str]:
    """The servers in the order in which they are seen to: first what is not up, then what runs, then what is new.

    etcd may need those that are not up before it can be without one that is; a server with a new version must not
    join one with an old one.
    """

    def place(name: str) -> int:
        host_facts = facts_by_host[name]
        return 2 if not host_facts.datastore else int(host_facts.server_state == "active")

    return sorted((name for name in names if name in facts_by_host), key=place)


def agents_in_turn(facts_by_host: Mapping[str, HostFacts]) -> list[list[str]]:
    """All agents at once; in batches where the version changes, so that most of them carry the pods meanwhile."""
    wishes = host_specs()
    agents = [each.name for each in inventory.get_group("agents", []) if each.name in facts_by_host]
    changing = [
        name
        for name in agents
        if facts_by_host[name].k3s_version not in ("", wishes[name].settings.k3s_version)
    ]
    if not changing:
        return [agents]
    rest = [name for name in agents if name not in changing]
    return [rest, *batches(changing, wishes[changing[0]].settings.upgrade_batch_percent)]


@operation
def _start_at_once(wanted: Node) -> Commands:
    """Started one by one, each would wait for a majority that never comes."""
    if not is_down():
        host.noop("no server here is down")
        return
    unit = wanted.unit
    yield StringCommand(
        f"systemctl daemon-reload && systemctl enable --quiet {unit} && systemctl start --no-block {unit}"
    )


@operation
def _create_tokens(found: BatchedFact[K3sState]) -> Commands:
    """Made on the first server. A datastore that exists already keeps the password it was made with."""
    random = "od -An -N 32 -t x1 /dev/urandom | tr -d ' \\n' && echo"
    kept = f"if [ -s {FULL_TOKEN} ]; then sed 's/.*::server://' {FULL_TOKEN}; else {random}; fi"
    for name, path, make in (("server", TOKEN, kept), ("agent", AGENT_TOKEN, random)):
        if name not in found.at_start().tokens:
            yield StringCommand(
                f"umask 077 && mkdir -p {Path(path).parent} && {{ {make}; }} > {path}.skerry-new && "
                f"sync {path}.skerry-new && mv -f {path}.skerry-new {path}"
            )


@operation
def _profile(wanted: Node, found: BatchedFact[K3sState]) -> Commands:
    """K3s keeps the modes of folders it finds. What a former profile had K3s apply goes from the cluster, too."""
    files, paths = found.at_start().files, {file.path for file in wanted.files}
    if missing := [path for path in paths if path.startswith(SERVER) and path not in files]:
        yield StringCommand(f"install -d -m 700 /var/lib/rancher/k3s {' '.join(k3s_cis.FOLDERS)}")
    forgotten = k3s_cis.POLICIES in files and k3s_cis.POLICIES not in paths
    if forgotten:
        yield StringCommand(
            f"{KUBECTL} delete --ignore-not-found -f {k3s_cis.POLICIES} && rm -f {k3s_cis.POLICIES} "
            "/etc/systemd/system/k3s.service.d/skerry-cis.conf"
        )
    if not (missing or forgotten):
        host.noop("nothing of another profile is left")


@operation
def _link(wanted: Node, found: BatchedFact[K3sState]) -> Commands:
    """/usr/local/bin/k3s names the version; kubectl, crictl and ctr name k3s, unless the host has its own."""
    state = found.at_start()
    links = {"k3s": wanted.binary}
    links |= {name: "k3s" for name in ("kubectl", "crictl", "ctr") if name not in state.elsewhere}
    for name, target in links.items():
        if state.links.get(name) != target:
            temporary = f"/usr/local/bin/.{name}.skerry-new"
            yield StringCommand(f"ln -sfn {target} {temporary} && mv -fT {temporary} /usr/local/bin/{name}")


@operation
def _restore(wanted: Node, found: BatchedFact[K3sState]) -> Commands:
    """What `invoke restore` has left on the first server becomes its datastore, before K3s starts."""
    if wanted.server_url is not None or not found.at_start().restore:
        host.noop("there is nothing to restore")
        return
    arguments = [wanted.settings.k3s_datastore, str(wanted.settings.k3s_ready_timeout_seconds)]
    yield StringCommand(f"set -- {shlex.join(arguments)}\n{templates.text('k3s/restore.sh')}")


def change_needed(wanted: Node, state: K3sState) -> str:
    """ "restart" when the running process is not the wanted one, "wait" when it is but not Ready, else "".

    A node that is not Ready is also restarted when someone has changed its unit since, to mend it.
    """
    if state.running != wanted.digest or state.active not in ("active", "activating"):
        return "restart"
    if not state.enabled or started_with_something_else(wanted, state):
        return "restart"
    if state.ready:
        return ""
    return "restart" if state.reload_needed else "wait"


def started_with_something_else(wanted: Node, state: K3sState) -> bool:
    """Whether what someone changed by hand was in place when the process started; its digest does not tell."""
    wrong = {file.path for file in wanted.read_at_start if state.files.get(file.path) != file.state}
    if state.binary != wanted.binary_sha256:
        wrong.add(wanted.binary)
    if state.links.get("k3s") != wanted.binary:
        wrong.add(LINK)
    return bool(wrong & state.loaded)


@operation
def _start(wanted: Node, found: BatchedFact[K3sState], before: Sequence[str] = ()) -> Commands:
    """Servers are gated: none is taken from an etcd that needs it, and none follows one that did not come back.

    Decided by what was in place while the process ran, which this phase has put right by now.
    """
    state = found.at_start()
    change = change_needed(wanted, state)
    failed = servers.stopped(run, host.name, before)
    foreign = "" if failed or wanted.server_url is None else foreign_to(state, wanted.role)
    if not (change or foreign or state.drained):
        host.noop("K3s runs as wanted")
        return
    if failed:
        yield refuse(
            f"{failed} has failed, so that K3s here was left as it was; mend that, then run it again"
        )
    if foreign == "cluster":
        yield refuse("this host holds the datastore of another cluster; save it, then uninstall K3s here")
    if foreign:
        yield FunctionCommand(servers.take_tokens, (wanted.role,), {})
    seconds = wanted.settings.k3s_ready_timeout_seconds
    gated = wanted.role == "server" and wanted.settings.k3s_datastore == "etcd"
    if change == "restart" and wanted.role == "server" and is_down():
        change = "wait"  # it was started beside all others that were down
    if gated and change == "restart" and state.active in ("active", "activating"):
        yield FunctionCommand(servers.may_restart, (seconds,), {})
    if change == "restart" and moves(wanted, state):
        node, deadline = state.node["metadata"]["name"], wanted.settings.reboot_drain_seconds
        cordoned = bool(state.node["spec"].get("unschedulable")) and not state.drained
        yield FunctionCommand(drain.drain, (node, deadline, cordoned), {})
    if change:
        arguments = [wanted.unit, str(seconds), change, wanted.role]
        yield StringCommand(f"set -- {shlex.join(arguments)}\n{templates.text('k3s/start.sh')}")
    if gated and change:
        yield FunctionCommand(servers.has_settled, (seconds,), {})
    if state.drained or (change and moves(wanted, state)):
        yield FunctionCommand(drain.uncordon, (), {})


def moves(wanted: Node, state: K3sState) -> bool:
    """Whether the node's pods go elsewhere while K3s restarts: for another version, where there is an elsewhere."""
    version = state.node.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", "")
    return len(all_host_facts()) > 1 and state.ready and version not in ("", wanted.settings.k3s_version)


def foreign_to(state: K3sState, role: Role) -> str:
    """ "cluster" when a host that is to join holds another cluster's datastore, "tokens" when it lacks this one's."""
    its = _of(servers.names()[0], BatchedFact.current)
    if state.cluster and its.cluster and state.cluster != its.cluster:
        return "cluster"
    theirs = {"server": its.tokens.get("join-server"), "agent": its.tokens.get("agent")}
    if role == "agent":
        theirs = {"server": its.tokens.get("join-agent")}
    return (
        "" if all(value and state.tokens.get(name) == value for name, value in theirs.items()) else "tokens"
    )


@operation
def _compare(wanted: Node, found: BatchedFact[K3sState]) -> Commands:
    if change_needed(wanted, found.at_start()) and not run.is_executing:
        return  # there is no node to compare yet
    problem = compare(wanted, found.current())
    if problem:
        yield StringCommand(f"echo {shlex.quote(problem)} >&2; exit 1")
    else:
        host.noop("allocatable is capacity less reservations and eviction")


def compare(wanted: Node, state: K3sState) -> str:
    """What is wrong with the node's allocatable, in one line; "" when it is as reserved.

    https://kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources/#node-allocatable
    """
    status = state.node.get("status", {})
    if not status:
        return "the node could not be read back from the API server"
    capacity, actual = (
        (parse_cpu(status[key]["cpu"]), parse_memory(status[key]["memory"], from_api=True))
        for key in ("capacity", "allocatable")
    )
    eviction = memory_threshold(wanted.settings.eviction_hard, capacity[1])
    expected = allocatable(*capacity, wanted.reserved, eviction)
    if actual[0] == expected[0] and abs(actual[1] - expected[1]) < 1024:
        return ""
    return (
        f"the node allocates {actual[0]}m / {actual[1]} bytes, the reservations say {expected[0]}m / {expected[1]}; "
        "look for kubelet-arg in /etc/rancher/k3s/config.yaml.d and kubelet.conf.d; restart K3s after a change there"
    )
