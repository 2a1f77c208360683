"""Preflight: what is wrong with any host is said of all hosts, together, before the first change."""

from __future__ import annotations

from pathlib import Path

import gevent
from gevent.event import AsyncResult
from pyinfra import host, inventory, logger
from pyinfra.api import Host, deploy
from pyinfra.api.exceptions import DeployError
from pyinfra.context import ctx_host

from skerry.facts.batch import Question, Unread, read
from skerry.facts.survey import Survey
from skerry.local.paths import PROJECT
from skerry.model.artifacts import checksum_locations, k3s_artifacts, locations
from skerry.model.k3s.paths import binary
from skerry.model.preparation.host_facts import Survey as HostSurvey
from skerry.model.preparation.preflight import findings
from skerry.model.settings.settings import Settings
from skerry.phases.hardening_plan import addresses
from skerry.phases.host_spec import wanted

_surveys: dict[int, AsyncResult] = {}  # by inventory: the first host to come asks all of them


@deploy("Preflight")
def preflight() -> None:
    """Every host of the run is fit. Raises DeployError, before any change, with all that is wrong."""
    this_host()


def this_host() -> HostSurvey:
    """The survey of the host at hand, once every host has passed."""
    return all_hosts()[host.name]


def all_hosts() -> dict[str, HostSurvey]:
    """The surveys of all hosts of the run, once every one has passed."""
    key = id(inventory.get_data())
    if key not in _surveys:
        _surveys[key] = AsyncResult()
        try:
            _surveys[key].set(_survey_all())
        except Exception as error:
            _surveys[key].set_exception(error)
    surveys: dict[str, HostSurvey] = _surveys[key].get()
    return surveys


def _survey_all() -> dict[str, HostSurvey]:
    """Ask all hosts at once, beside pyinfra's own pool: its places may all be taken by hosts waiting here."""
    roles = {name: part.role for name, part in wanted().items()}
    settings = {name: part.settings for name, part in wanted().items()}
    hosts = inventory.get_active_hosts()
    jobs = {each.name: gevent.spawn(_survey, each) for each in hosts}
    gevent.joinall(list(jobs.values()))
    answers = {name: job.get() for name, job in jobs.items()}
    surveys = {name: survey for name, (survey, _) in answers.items()}
    times = {name: during for name, (_, during) in answers.items()}
    everybody = [each for each in inventory if each.name in roles]
    named = {
        each.name: addresses(settings[each.name].k3s_node_ip, each.name, each.data) for each in everybody
    }
    found = findings(surveys, settings, roles, times, named if len(named) > 1 else {})
    for finding in found:
        if finding.level == "warning":
            logger.warning(str(finding))
    errors = [str(finding) for finding in found if finding.level == "error"]
    if errors:
        raise DeployError("\n".join(["preflight stopped the run, no host was changed:", *errors]))
    return surveys


def _survey(each: Host) -> tuple[HostSurvey, tuple[float, float]]:
    """The survey, and what this machine's clock said before and after it."""
    settings = wanted()[each.name].settings
    question = Question(Survey, {"reach": reach(settings), "unless": binary(settings.k3s_version)})
    with ctx_host.use(each):
        try:
            [reading] = read([question])
        except Unread:
            raise DeployError(f"{each.name}: the survey failed, see above; no host was changed") from None
    return Survey().process(reading.lines), (reading.begun, reading.ended)


def reach(settings: Settings) -> str:
    """The URL a host must be able to fetch: its artifact source's checksum file, or "" where files are pushed."""
    artifact = k3s_artifacts(settings.k3s_version, "amd64", images=False)[0]
    folder = PROJECT / settings.artifact_folder
    pushed = settings.artifact_delivery == "push" or Path(locations(artifact, folder, "")[0]).is_file()
    return "" if pushed else checksum_locations(artifact, folder, settings.artifact_mirror)[1]
