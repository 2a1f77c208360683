"""What the hardening phases share: one fact of the host, and a record of what was there before."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from pyinfra import host, inventory
from pyinfra.api import StringCommand

from skerry import templates
from skerry.facts.batch import BatchedFact
from skerry.facts.hardening import Hardening, HardeningState
from skerry.model.hardening.host_context import HostContext
from skerry.operations import Commands
from skerry.phases.hardening_plan import Plan, places
from skerry.phases.host_spec import host_specs

Key = tuple[int, str]  # an inventory and a host
_parts: dict[Key, HostContext] = {}
_snapshots: dict[Key, BatchedFact[HardeningState]] = {}
_plans: dict[Key, Plan] = {}


def _key() -> Key:
    return id(inventory.get_data()), host.name


def host_context() -> HostContext:
    """The host_context of the host at hand in the inventory."""
    if _key() not in _parts:
        specs = host_specs()
        _parts[_key()] = HostContext.from_inventory(
            host.name,
            specs[host.name].role,
            {name: spec.settings for name, spec in specs.items()},
            {name: inventory.get_host(name).data.get("ssh_hostname") or "" for name in specs},
        )
    return _parts[_key()]


def snapshot(mine: HostContext) -> BatchedFact[HardeningState]:
    """The fact that all hardening phases of this host share."""
    if _key() not in _snapshots:
        _snapshots[_key()] = BatchedFact(Hardening, places=places(mine))
    return _snapshots[_key()]


def planned(state: HardeningState) -> Plan:
    """What is wanted of the host at hand, given what was found; composed once for each reading."""
    known = _plans.get(_key())
    if known is None or known.state is not state:
        known = _plans[_key()] = Plan(host_context(), state)
    return known


def backup_originals(state: HardeningState, places: Iterable[str]) -> Commands:
    """Put on record what is there before we first change it: "file PATH", "unit NAME", ..."""
    missing = sorted({place for place in places if place not in state.backed_up})
    if missing:
        yield StringCommand(templates.text("hardening/keep.sh"), _stdin="\n".join([*missing, ""]))


def refuse(reason: str) -> StringCommand:
    """Ends the operation with one line."""
    return StringCommand(f"echo {shlex.quote(reason)} >&2; exit 1")
