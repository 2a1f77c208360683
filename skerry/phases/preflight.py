"""Preflight: what is wrong with any host is said of all hosts, together, before the first change."""

from __future__ import annotations

from pathlib import Path

import gevent
from gevent.event import AsyncResult
from pyinfra import host, inventory, logger
from pyinfra.api import Host, deploy
from pyinfra.api.exceptions import DeployError
from pyinfra.context import ctx_host

from skerry.facts.batch import FactQuery, Unread, read
from skerry.facts.preflight import PreflightFacts
from skerry.local.paths import PROJECT
from skerry.model.artifacts import checksum_locations, k3s_artifacts, locations
from skerry.model.hardening.host_context import host_networks
from skerry.model.k3s.paths import binary
from skerry.model.preparation.host_facts import HostFacts
from skerry.model.preparation.preflight import findings
from skerry.model.settings.settings import Settings
from skerry.phases.host_spec import host_specs

_facts: dict[int, AsyncResult] = {}  # by inventory: the first host to come asks all of them


@deploy("Preflight")
def preflight() -> None:
    """Every host of the run is fit. Raises DeployError, before any change, with all that is wrong."""
    this_host_facts()


def this_host_facts() -> HostFacts:
    """The host_facts of the host at hand, once every host has passed."""
    return all_host_facts()[host.name]


def all_host_facts() -> dict[str, HostFacts]:
    """The facts_by_host of all hosts of the run, once every one has passed."""
    key = id(inventory.get_data())
    if key not in _facts:
        _facts[key] = AsyncResult()
        try:
            _facts[key].set(_read_all())
        except Exception as error:
            _facts[key].set_exception(error)
    facts_by_host: dict[str, HostFacts] = _facts[key].get()
    return facts_by_host


def _read_all() -> dict[str, HostFacts]:
    """Ask all hosts at once, beside pyinfra's own pool: its places may all be taken by hosts waiting here."""
    roles = {name: part.role for name, part in host_specs().items()}
    settings = {name: part.settings for name, part in host_specs().items()}
    hosts = inventory.get_active_hosts()
    jobs = {each.name: gevent.spawn(_read, each) for each in hosts}
    gevent.joinall(list(jobs.values()))
    answers = {name: job.get() for name, job in jobs.items()}
    facts_by_host = {name: host_facts for name, (host_facts, _) in answers.items()}
    times = {name: during for name, (_, during) in answers.items()}
    everybody = [each for each in inventory if each.name in roles]
    named = {
        each.name: host_networks(each.name, settings[each.name], each.data.get("ssh_hostname") or "")
        for each in everybody
    }
    found = findings(facts_by_host, settings, roles, times, named if len(named) > 1 else {})
    for finding in found:
        if finding.level == "warning":
            logger.warning(str(finding))
    errors = [str(finding) for finding in found if finding.level == "error"]
    if errors:
        raise DeployError("\n".join(["preflight stopped the run, no host was changed:", *errors]))
    return facts_by_host


def _read(each: Host) -> tuple[HostFacts, tuple[float, float]]:
    """The host_facts, and what this machine's clock said before and after it."""
    settings = host_specs()[each.name].settings
    question = FactQuery(PreflightFacts, {"reach": reach(settings), "unless": binary(settings.k3s_version)})
    with ctx_host.use(each):
        try:
            [reading] = read([question])
        except Unread:
            raise DeployError(f"{each.name}: the host_facts failed, see above; no host was changed") from None
    return PreflightFacts().process(reading.lines), (reading.begun, reading.ended)


def reach(settings: Settings) -> str:
    """The URL a host must be able to fetch: its artifact source's checksum file, or "" where files are pushed."""
    artifact = k3s_artifacts(settings.k3s_version, "amd64", images=False)[0]
    folder = PROJECT / settings.artifact_folder
    pushed = settings.artifact_delivery == "push" or Path(locations(artifact, folder, "")[0]).is_file()
    return "" if pushed else checksum_locations(artifact, folder, settings.artifact_mirror)[1]
