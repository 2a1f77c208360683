"""Disk: the datastore's disk is judged before K3s is installed on a server."""

from __future__ import annotations

import json

from pyinfra import host, logger, state
from pyinfra.api import StringCommand, deploy
from pyinfra.api.exceptions import DeployError

from skerry.facts.disk import Disk
from skerry.model.disk import Decision, DiskRecord, admit
from skerry.model.disk import refuse as refuse_disk
from skerry.model.k3s.paths import DATASTORE
from skerry.model.settings.settings import Settings
from skerry.operations import Commands, operation, refuse
from skerry.operations.files import write_command
from skerry.phases.host_spec import this_host_spec
from skerry.phases.preflight import this_host_facts

PROFILE = "quick"


@deploy("Disk")
def disk() -> None:
    """Measure a new server's disk, unless a measurement exists, and judge whether the disk is fit for the datastore.

    Agents and servers that have K3s are not measured. Raises DeployError, before any change, if disk_gate refuses the
    disk: an earlier measurement found it unfit, or there is no measurement and disk_measure is off.
    """
    spec, host_facts = this_host_spec(), this_host_facts()
    if spec.role == "agent" or host_facts.k3s_installed:
        return
    settings = spec.settings
    decision = admit(host_facts.disk_record, host_facts.disk_fsid, settings.disk_gate, settings.disk_measure)
    if decision[0] == "measure":
        _measure(name="Measure the datastore's disk (20 s)", settings=settings)
    else:
        _heed(decision)


def _heed(decision: Decision) -> None:
    """Print the reason of a warning. Raises DeployError with the reason of a refusal."""
    action, reason = decision
    if action == "refuse":
        raise DeployError(f"{host.name}: {reason}")
    if action == "warn":
        logger.warning(f"{host.name}: {reason}")


@operation
def _measure(settings: Settings) -> Commands:
    """Measure the disk, record the verdict on the host, and fail if disk_gate refuses the disk."""
    if not state.is_executing:
        # pyinfra only checks whether this operation changes anything; a measurement takes 20 s.
        yield StringCommand("true")
        return
    # Imported here: only a run that measures should spend time on these imports.
    from skerry.bench.profiles import measurement_plan, phases
    from skerry.bench.verdict import disk_record, judge

    event = host.get_fact(Disk, plan=json.dumps(measurement_plan(DATASTORE, phases(PROFILE))))
    record = None
    if event["event"] == "result":
        judgement = judge(event["result"], settings.k3s_datastore, settings.disk_dedicated)
        record = disk_record(event["result"], judgement, PROFILE)
        yield write_command(record.file())
    decision = verdict_on(record, event.get("reason", ""), settings)
    if decision[0] == "refuse":
        yield refuse(decision[1])
    else:
        _heed(decision)


def verdict_on(record: DiskRecord | None, reason: str, settings: Settings) -> Decision:
    """Returns what to do with the server after a measurement. `reason`: why the measurement gave no record."""
    if record is None:
        return refuse_disk(f"the disk was not measured: {reason}", settings.disk_gate)
    return admit(record, record.fsid, settings.disk_gate, measure=False)
