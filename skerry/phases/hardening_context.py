"""What the hardening phases share: one fact per host, the plan made from that fact, and backups of the originals."""

from __future__ import annotations

from collections.abc import Iterable

from pyinfra import host, inventory
from pyinfra.api import StringCommand

from skerry import templates
from skerry.facts.batch import BatchedFact
from skerry.facts.hardening import Hardening, HardeningState
from skerry.model.hardening.host_context import HostContext
from skerry.operations import Commands
from skerry.operations.per_run import per_run
from skerry.phases.hardening_plan import HardeningPlan, values_to_read
from skerry.phases.host_spec import host_specs


def host_context() -> HostContext:
    """Returns the context of the current host, composed once per run."""
    return _context_of(host.name)


@per_run
def _context_of(name: str) -> HostContext:
    specs = host_specs()
    return HostContext.from_inventory(
        name,
        specs[name].role,
        {peer: spec.settings for peer, spec in specs.items()},
        {peer: inventory.get_host(peer).data.get("ssh_hostname") or "" for peer in specs},
    )


def hardening_fact() -> BatchedFact[HardeningState]:
    """Returns the fact that all hardening phases of the current host share."""
    return _fact_of(host.name)


@per_run
def _fact_of(name: str) -> BatchedFact[HardeningState]:
    return BatchedFact(Hardening, values=values_to_read(_context_of(name)))


def plan_for(state: HardeningState) -> HardeningPlan:
    """Returns the plan for the current host in this state, composed again only when another state is passed."""
    plans = _plans_of(host.name)
    if not plans or plans[-1].state is not state:
        plans[:] = [HardeningPlan(host_context(), state)]
    return plans[-1]


@per_run
def _plans_of(name: str) -> list[HardeningPlan]:
    """Returns a list, the same one for the whole run, of the plan that was composed last for a host."""
    return []


def backup_originals(state: HardeningState, originals: Iterable[str]) -> Commands:
    """Back up those `originals` that have no backup yet, each as "file PATH", "unit NAME", ..."""
    missing = sorted(set(originals) - state.backed_up)
    if missing:
        yield StringCommand(templates.text("hardening/keep.sh"), _stdin="\n".join([*missing, ""]))
