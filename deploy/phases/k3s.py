"""K3s: pinned, checksummed, configured, started, and its reservations read back from the node."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Template

from pyinfra import host, inventory
from pyinfra.api import StringCommand, deploy
from pyinfra.api.exceptions import DeployError

from cluster.errors import InputError
from cluster.eviction import memory_threshold
from cluster.files import File
from cluster.hardening import k3s_cis
from cluster.k3s_config import compose, to_yaml
from cluster.k3s_host import binary, unit
from cluster.preflight import ARCHITECTURES
from cluster.quantity import parse_cpu, parse_memory
from cluster.reservations import Reservations, Role, allocatable, check_allocatable, reservations
from cluster.settings import Settings
from cluster.survey import Survey
from deploy.artifacts import Unreachable, sources
from deploy.facts.k3s import K3s, K3sState
from deploy.facts.snapshot import Snapshot
from deploy.operations import Commands, operation
from deploy.operations.artifact import Source, install
from deploy.operations.files import write
from deploy.phases.preflight import this_host
from deploy.wanted import BadInput, Wanted, mine

TEMPLATES = Path(__file__).parent.parent / "templates" / "k3s"
TOKEN = "/etc/rancher/k3s/token"  # noqa: S105  a path
LINK = "/usr/local/bin/k3s"
IMAGES = "/var/lib/rancher/k3s/agent/images"


@dataclass(frozen=True)
class Node:
    """A K3s node as wanted. `files` are in the order they are written: the digest's comes last."""

    role: Role
    settings: Settings
    reserved: Reservations
    sources: dict[str, Source]

    @cached_property
    def unit(self) -> str:
        return unit(self.role)

    @cached_property
    def binary(self) -> str:
        return binary(self.settings.k3s_version)

    @cached_property
    def files(self) -> list[File]:
        config = compose(self.settings, role=self.role, reservations=self.reserved, token_file=TOKEN)
        scripts = [
            File(f"{LINK}-{name}.sh", (TEMPLATES / f"k3s-{name}.sh").read_text(), "755")
            for name in ("killall", "uninstall")
        ]
        service = Template((TEMPLATES / "k3s.service").read_text()).substitute(role=self.role)
        return [
            *scripts,
            File("/etc/rancher/k3s/config.yaml", to_yaml(config), "600"),
            File(f"/etc/systemd/system/{self.unit}.service", service),
            *k3s_cis.files(self.settings, self.role),
        ]

    @cached_property
    def binary_sha256(self) -> str:
        return next(each.sha256 for name, each in self.sources.items() if "images" not in name)

    @cached_property
    def read_at_start(self) -> list[File]:
        return [
            file for file in self.files if not file.path.startswith(LINK) and file.path != k3s_cis.POLICIES
        ]

    @cached_property
    def digest(self) -> str:
        """Of everything whose change calls for a restart: binary, images (imported at start), configuration, unit."""
        parts = [source.sha256 for source in self.sources.values()]
        parts += [file.sha256 for file in self.read_at_start]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @cached_property
    def environment(self) -> File:
        """The unit's environment: a running process shows by it which configuration it was started with."""
        path = f"/etc/systemd/system/{self.unit}.service.env"
        return File(path, f"SKERRY_CONFIG_SHA256={self.digest}\n", "600")


def plan(part: Wanted, survey: Survey) -> Node:
    """The node that the settings make of a surveyed host, its artifacts found and their checksums known.

    Raises BadInput for a mistake in settings or artifacts, DeployError when a checksum cannot be fetched.
    """
    settings = reachable(part.settings)
    try:
        if part.role == "agent" or host.name != inventory.get_group("servers")[0].name:
            raise InputError(
                "only the first server can be installed so far, no further servers and no agents; "
                "deploy/prepare.py prepares them all"
            )
        reserved = reservations(
            settings.reserve,
            role=part.role,
            cores=survey.cores,
            memory_bytes=survey.memory_kib * 1024,
            max_pods=settings.max_pods,
        )
        capacity = survey.cores * 1000, survey.memory_kib * 1024
        check_allocatable(*capacity, reserved, memory_threshold(settings.eviction_hard, capacity[1]))
        return Node(part.role, settings, reserved, sources(settings, ARCHITECTURES[survey.arch]))
    except InputError as error:
        raise BadInput(f"{host.name}: {error}") from None
    except Unreachable as error:
        raise DeployError(f"{error}; no host was changed") from None


def reachable(settings: Settings) -> Settings:
    """The settings with the addresses at which operators reach this API server in its certificate."""
    endpoint = settings.k3s_api_endpoint.rpartition(":")[0].strip("[]")
    names = [endpoint, host.data.get("ssh_hostname") or host.name, *settings.k3s_tls_sans]
    return settings.model_copy(update={"k3s_tls_sans": sorted({name for name in names if name})})


@deploy("K3s")
def k3s() -> None:
    """The pinned K3s runs with the wanted configuration and its node is Ready.

    It is restarted exactly when the running process was started with something else, and never otherwise.
    """
    wanted = plan(mine(), this_host())
    files = [*wanted.files, wanted.environment]
    found = Snapshot(
        K3s,
        unit=wanted.unit,
        binary=wanted.binary,
        role=wanted.role,
        files=[*(file.path for file in files), k3s_cis.POLICIES],
    )
    for name, source in wanted.sources.items():
        if name.startswith("k3s-airgap-images"):
            _place_images(name=f"Place {name}", filename=name, source=source)
        else:
            install(
                name=f"Install {name} {wanted.settings.k3s_version}",
                source=source,
                path=wanted.binary,
                mode="755",
                found_sha256=found,
            )
    _create_token(name="Create the cluster token", found=found)
    _profile(name="Follow the profile", wanted=wanted, found=found)
    for file in files:
        write(name=f"Write {file.path}", file=file, found=lambda: found().files)
    _link(name="Link the version", wanted=wanted, found=found)
    _start(name="Start K3s and wait for a Ready node", wanted=wanted, found=found)
    _compare(name="Compare allocatable with the reservations", wanted=wanted, found=found)


@operation
def _create_token(found: Snapshot[K3sState]) -> Commands:
    """Made on the host and never sent. A datastore that exists already keeps the password it was made with."""
    if found().token:
        host.noop("the token exists")
        return
    yield StringCommand(
        f"umask 077 && mkdir -p {Path(TOKEN).parent} && {{ "
        "if [ -s /var/lib/rancher/k3s/server/token ]; then sed 's/.*::server://' /var/lib/rancher/k3s/server/token; "
        "else od -An -N 32 -t x1 /dev/urandom | tr -d ' \\n' && echo; fi; "
        f"}} > {TOKEN}.skerry-new && sync {TOKEN}.skerry-new && mv -f {TOKEN}.skerry-new {TOKEN}"
    )


@operation
def _profile(wanted: Node, found: Snapshot[K3sState]) -> Commands:
    """K3s keeps the modes of folders it finds. What a former profile had K3s apply goes from the cluster, too."""
    paths = {file.path for file in wanted.files}
    if missing := [path for path in paths if path.startswith(k3s_cis.SERVER) and path not in found().files]:
        yield StringCommand(f"install -d -m 700 /var/lib/rancher/k3s {' '.join(k3s_cis.FOLDERS)}")
    forgotten = k3s_cis.POLICIES in found().files and k3s_cis.POLICIES not in paths
    if forgotten:
        yield StringCommand(
            f"/usr/local/bin/k3s kubectl delete --ignore-not-found -f {k3s_cis.POLICIES} && rm -f {k3s_cis.POLICIES} "
            "/etc/systemd/system/k3s.service.d/skerry-cis.conf"
        )
    if not (missing or forgotten):
        host.noop("nothing of another profile is left")


@operation
def _link(wanted: Node, found: Snapshot[K3sState]) -> Commands:
    """/usr/local/bin/k3s names the version; kubectl, crictl and ctr name k3s, unless the host has its own."""
    state = found()
    links = {"k3s": wanted.binary}
    links |= {name: "k3s" for name in ("kubectl", "crictl", "ctr") if name not in state.elsewhere}
    for name, target in links.items():
        if state.links.get(name) != target:
            temporary = f"/usr/local/bin/.{name}.skerry-new"
            yield StringCommand(f"ln -sfn {target} {temporary} && mv -fT {temporary} /usr/local/bin/{name}")


def change_needed(wanted: Node, state: K3sState) -> str:
    """ "restart" when the running process is not the wanted one, "wait" when it is but not Ready, else ""."""
    if state.running != wanted.digest or state.active not in ("active", "activating"):
        return "restart"
    if not state.enabled or started_with_something_else(wanted, state):
        return "restart"
    return "" if state.ready else "wait"


def started_with_something_else(wanted: Node, state: K3sState) -> bool:
    """Whether what someone changed by hand was in place when the process started; its digest does not tell."""
    wrong = {file.path for file in wanted.read_at_start if state.files.get(file.path) != file.state}
    if state.binary != wanted.binary_sha256:
        wrong.add(wanted.binary)
    if state.links.get("k3s") != wanted.binary:
        wrong.add(LINK)
    return bool(wrong & state.loaded)


@operation
def _start(wanted: Node, found: Snapshot[K3sState]) -> Commands:
    """Decided by what was in place while the process ran, which this phase has put right by now."""
    change = change_needed(wanted, found.as_found())
    if not change:
        host.noop("K3s runs as wanted")
        return
    arguments = [wanted.unit, str(wanted.settings.k3s_ready_timeout_seconds), change, wanted.role]
    yield StringCommand(f"set -- {shlex.join(arguments)}\n{(TEMPLATES / 'start.sh').read_text()}")


@operation
def _compare(wanted: Node, found: Snapshot[K3sState]) -> Commands:
    from pyinfra import state as run

    if change_needed(wanted, found.as_found()) and not run.is_executing:
        return  # there is no node to compare yet
    problem = compare(wanted, found())
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


@operation
def _place_images(filename: str, source: Source) -> Commands:
    """The image archive K3s imports at its start, for hosts that reach no registry.

    No stamp: K3s takes every file in that folder for images.
    """
    from pyinfra.facts.files import Sha256File

    path = f"{IMAGES}/{filename}"
    yield from install._inner(source, path, "644", host.get_fact(Sha256File, path=path) or "", stamped=False)
