"""Preflight: every problem of every host is reported before the first change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
from skerry.operations.per_run import per_run
from skerry.phases.host_spec import host_specs


@deploy("Preflight")
def preflight() -> None:
    """Check that every host meets the requirements. Raises DeployError with all problems before any change."""
    this_host_facts()


def this_host_facts() -> HostFacts:
    """Returns the facts of the current host. Raises DeployError unless every host passes."""
    return all_host_facts()[host.name]


@per_run
def all_host_facts() -> dict[str, HostFacts]:
    """Returns the facts of all hosts of the run by name. Raises DeployError unless every host passes."""
    hosts = inventory.get_active_hosts()
    # Threads of our own: pyinfra's pool may be exhausted by hosts that wait for this result.
    with ThreadPoolExecutor(len(hosts)) as pool:
        readings = dict(zip((member.name for member in hosts), pool.map(_read, hosts), strict=True))
    facts = {name: host_facts for name, (host_facts, _) in readings.items()}
    times = {name: before_and_after for name, (_, before_and_after) in readings.items()}
    _report_findings(facts, times)
    return facts


def _read(member: Host) -> tuple[HostFacts, tuple[float, float]]:
    """Returns a host's facts, and this machine's clock before and after. Raises DeployError if they cannot be read."""
    settings = host_specs()[member.name].settings
    query = FactQuery(PreflightFacts, {"reach": reach(settings), "unless": binary(settings.k3s_version)})
    with ctx_host.use(member):
        try:
            [result] = read([query])
        except Unread:
            raise DeployError(
                f"{member.name}: preflight could not read the host, see above; no host was changed"
            ) from None
    return PreflightFacts().process(result.lines), (result.begun, result.ended)


def _report_findings(facts: dict[str, HostFacts], times: dict[str, tuple[float, float]]) -> None:
    """Print all warnings. Raises DeployError with all errors if there are any."""
    roles = {name: spec.role for name, spec in host_specs().items()}
    settings = {name: spec.settings for name, spec in host_specs().items()}
    networks = {
        member.name: host_networks(member.name, settings[member.name], member.data.get("ssh_hostname") or "")
        for member in inventory
        if member.name in roles
    }
    problems = findings(facts, settings, roles, times, networks if len(networks) > 1 else {})
    for finding in problems:
        if finding.level == "warning":
            logger.warning(str(finding))
    errors = [str(finding) for finding in problems if finding.level == "error"]
    if errors:
        raise DeployError("\n".join(["preflight stopped the run, no host was changed:", *errors]))


def reach(settings: Settings) -> str:
    """Returns the URL that a host must be able to fetch, a checksum file; "" if this machine uploads the artifacts."""
    # Only whether the server answers matters, so the files of any architecture will do.
    artifact = k3s_artifacts(settings.k3s_version, "amd64", images=False)[0]
    folder = PROJECT / settings.artifact_folder
    pushed = settings.artifact_delivery == "push" or Path(locations(artifact, folder, "")[0]).is_file()
    return "" if pushed else checksum_locations(artifact, folder, settings.artifact_mirror)[1]
