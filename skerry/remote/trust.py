"""First contact: compare a host's key with its pinned fingerprint, or show it and ask."""

from __future__ import annotations

from skerry.local.console import confirm
from skerry.model.errors import InputError
from skerry.remote import ssh
from skerry.remote.inventory import Inventory


def trust(inventory: Inventory) -> list[str]:
    """Record the keys of hosts that known_hosts lacks. Returns their names. Raises InputError if a key is refused."""
    added = []
    for host in inventory.hosts:
        if ssh.is_known(host):
            continue
        key = ssh.host_key(host)
        shown, pinned = ssh.fingerprint(key), host.settings.ssh_fingerprint
        if pinned and pinned != shown:
            raise InputError(
                f"{host.name}: its host key is {shown}, ssh_fingerprint says {pinned}; find out why"
            )
        if not pinned and not confirm(f"{host.name}: is this its {key.get_name()} host key: {shown}?"):
            raise InputError(
                f"{host.name}: its host key {shown} was not confirmed; compare it with your provider's console "
                "and set it as ssh_fingerprint, or run `invoke trust` at a terminal"
            )
        ssh.remember(host, key)
        added.append(host.name)
    return added
