"""What the inventory wants of each host: groups and validated settings, before any host is touched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pyinfra import host, inventory
from pyinfra.connectors.ssh import connector_data_meta

from skerry.model.errors import InputError
from skerry.model.hardening import catalogue
from skerry.model.role import Role
from skerry.model.settings.inventory import check_inventory
from skerry.model.settings.settings import Settings, parse_settings
from skerry.operations.errors import BadInput


@dataclass(frozen=True)
class HostSpec:
    """One host's part in the cluster."""

    role: Role
    settings: Settings


_wanted: dict[int, dict[str, HostSpec]] = {}  # by inventory: validated once, not once per host


def host_specs() -> dict[str, HostSpec]:
    """Every host's role and settings. Raises BadInput with one line for each mistake in the inventory."""
    key = id(inventory.get_data())
    if key not in _wanted:
        try:
            _wanted[key] = read_inventory()
        except InputError as error:
            raise BadInput(str(error)) from None
    return _wanted[key]


def this_host_spec() -> HostSpec:
    """The role and settings of the host at hand. Raises BadInput."""
    return host_specs()[host.name]


def read_inventory() -> dict[str, HostSpec]:
    """Validate the inventory pyinfra has loaded. Raises InputError."""
    groups = {name: [each.name for each in inventory.get_group(name, [])] for name in ("servers", "agents")}
    settings, mistakes = {}, []
    for each in inventory:
        if each.name not in groups["servers"] + groups["agents"]:
            mistakes.append(f"{each.name}: is in no group; list it in servers or agents")
            continue
        key = each.data.get("ssh_key")
        if key and not Path(key).expanduser().is_file():
            mistakes.append(f"{each.name}: ssh_key: there is no file {key}; see `ls ~/.ssh`")
        try:
            settings[each.name] = parse_settings(each.name, each.data.dict(), ignored=connector_data_meta)
        except InputError as error:
            mistakes.append(str(error))
    mistakes += [
        f"{name}: setting harden_exceptions: {id!r} is no control; `invoke audit` lists them"
        for name, each in settings.items()
        for id in sorted(set(each.harden_exceptions) - catalogue.IDS)
    ]
    if mistakes:
        raise InputError("\n".join(mistakes))
    check_inventory(groups["servers"], groups["agents"], settings)
    roles: dict[str, Role] = dict.fromkeys(groups["servers"], "server")
    roles |= dict.fromkeys(groups["agents"], "agent")
    return {name: HostSpec(roles[name], settings[name]) for name in roles}
