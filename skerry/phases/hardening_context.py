"""What the hardening phases share: one fact of the host, and a record of what was there before."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from pyinfra import host, inventory
from pyinfra.api import StringCommand

from skerry import templates
from skerry.facts.batch import Snapshot
from skerry.facts.hardening import Hardening, HardeningState
from skerry.model.hardening.catalogue import Part
from skerry.operations import Commands
from skerry.phases.hardening_plan import Plan, members, places
from skerry.phases.host_spec import wanted

Key = tuple[int, str]  # an inventory and a host
_parts: dict[Key, Part] = {}
_snapshots: dict[Key, Snapshot[HardeningState]] = {}
_plans: dict[Key, Plan] = {}


def _key() -> Key:
    return id(inventory.get_data()), host.name


def part() -> Part:
    """The part of the host at hand in the inventory."""
    if _key() not in _parts:
        everything = wanted()
        mine = everything[host.name]
        others = {
            each.name: each.data for each in inventory if each.name in everything and each.name != host.name
        }
        node_ips = {name: each.settings.k3s_node_ip for name, each in everything.items()}
        known = members(mine.settings, node_ips, others)
        _parts[_key()] = Part(mine.role, mine.settings, list(everything).index(host.name), known)
    return _parts[_key()]


def snapshot(mine: Part) -> Snapshot[HardeningState]:
    """The fact that all hardening phases of this host share."""
    if _key() not in _snapshots:
        _snapshots[_key()] = Snapshot(Hardening, places=places(mine))
    return _snapshots[_key()]


def planned(state: HardeningState) -> Plan:
    """What is wanted of the host at hand, given what was found; composed once for each reading."""
    known = _plans.get(_key())
    if known is None or known.state is not state:
        known = _plans[_key()] = Plan(part(), state)
    return known


def keep(state: HardeningState, places: Iterable[str]) -> Commands:
    """Put on record what is there before we first change it: "file PATH", "unit NAME", ..."""
    missing = sorted({place for place in places if place not in state.kept})
    if missing:
        yield StringCommand(templates.text("hardening/keep.sh"), _stdin="\n".join([*missing, ""]))


def refuse(reason: str) -> StringCommand:
    """Ends the operation with one line."""
    return StringCommand(f"echo {shlex.quote(reason)} >&2; exit 1")
