"""The role and validated settings of each host in the inventory, known before Skerry connects to any host."""

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
from skerry.operations.per_run import per_run


@dataclass(frozen=True)
class HostSpec:
    """One host's role and settings."""

    role: Role
    settings: Settings


def this_host_spec() -> HostSpec:
    """Returns the role and settings of the current host. Raises BadInput as `host_specs` does."""
    return host_specs()[host.name]


@per_run
def host_specs() -> dict[str, HostSpec]:
    """Returns every host's role and settings, servers first. Raises BadInput with one line for each mistake."""
    try:
        return _read_inventory()
    except InputError as error:
        raise BadInput(str(error)) from None


def _read_inventory() -> dict[str, HostSpec]:
    roles: dict[str, Role] = dict.fromkeys(_group("servers"), "server")
    roles |= dict.fromkeys(_group("agents"), "agent")
    settings, mistakes = {}, []
    for member in inventory:
        if member.name not in roles:
            mistakes.append(f"{member.name}: is in no group; list it in servers or agents")
            continue
        key = member.data.get("ssh_key")
        if key and not Path(key).expanduser().is_file():
            mistakes.append(f"{member.name}: ssh_key: there is no file {key}; see `ls ~/.ssh`")
        try:
            settings[member.name] = parse_settings(
                member.name, member.data.dict(), ignored=connector_data_meta
            )
        except InputError as error:
            mistakes.append(str(error))
    mistakes += [
        f"{name}: setting harden_exceptions: {control!r} is no control; `invoke audit` lists them"
        for name, values in settings.items()
        for control in sorted(set(values.harden_exceptions) - catalogue.IDS)
    ]
    if mistakes:
        raise InputError("\n".join(mistakes))
    check_inventory(_group("servers"), _group("agents"), settings)
    return {name: HostSpec(role, settings[name]) for name, role in roles.items()}


def _group(name: str) -> list[str]:
    return [member.name for member in inventory.get_group(name, [])]
