"""Disk: what etcd will live on has a verdict before K3s comes to it."""

from __future__ import annotations

import json
import shlex

from pyinfra import host, logger
from pyinfra.api import StringCommand, deploy
from pyinfra.api.exceptions import DeployError

from skerry.facts.disk import Disk
from skerry.model.disk import Decision, DiskRecord, admit, refuse
from skerry.model.k3s.paths import DATASTORE
from skerry.model.settings.settings import Settings
from skerry.operations import Commands, operation
from skerry.operations.files import write_script
from skerry.phases.host_spec import this_host_spec
from skerry.phases.preflight import this_host_facts

PROFILE = "quick"


@deploy("Disk")
def disk() -> None:
    """A new server's disk has been measured and is fit for its datastore.

    Raises DeployError, before any change, when an earlier measurement says no and the settings heed it. Agents
    have no datastore, and a server that runs already is no longer asked.
    """
    part, host_facts = this_host_spec(), this_host_facts()
    if part.role == "agent" or host_facts.k3s_installed:
        return
    settings = part.settings
    answer, why = admit(
        host_facts.disk_record, host_facts.disk_fsid, settings.disk_gate, settings.disk_measure
    )
    if answer == "measure":
        _measure(name="Measure the datastore's disk (20 s)", settings=settings)
    else:
        heed((answer, why))


def heed(answer: Decision) -> None:
    """Say a warning. Raises DeployError for a refusal."""
    action, why = answer
    if action == "refuse":
        raise DeployError(f"{host.name}: {why}")
    if action == "warn":
        logger.warning(f"{host.name}: {why}")


@operation
def _measure(settings: Settings) -> Commands:
    """Measure, keep the verdict on the host, and fail if the settings heed it."""
    from pyinfra import state

    if not state.is_executing:
        yield StringCommand("true")  # pyinfra asks whether there is something to do; measuring takes its time
        return
    # Imported here, because only a run that measures should pay for it.
    from skerry.bench.profiles import phases, plan
    from skerry.bench.record import describe
    from skerry.bench.verdict import judge

    found = host.get_fact(Disk, plan=json.dumps(plan(DATASTORE, phases(PROFILE))))
    record = None
    if found["event"] == "result":
        judgement = judge(found["result"], settings.k3s_datastore, settings.disk_dedicated)
        record = describe(found["result"], judgement, PROFILE)
        yield StringCommand(write_script(record.file()), _stdin=record.file().content)
    answer = verdict_on(record, found.get("reason", ""), settings)
    if answer[0] == "refuse":
        yield StringCommand(f"echo {shlex.quote(answer[1])} >&2; exit 1")
    else:
        heed(answer)


def verdict_on(record: DiskRecord | None, reason: str, settings: Settings) -> Decision:
    """What a measurement means for the server; `reason`: why there is no record."""
    if record is None:
        return refuse(f"the disk was not measured: {reason}", settings.disk_gate)
    return admit(record, record.fsid, settings.disk_gate, measure=False)
