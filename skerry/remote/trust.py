"""First contact: a host's key is compared with its pinned fingerprint, or shown and confirmed by a person."""

from __future__ import annotations

import sys
from collections.abc import Callable

from skerry.model.errors import InputError
from skerry.remote import ssh
from skerry.remote.inventory import Inventory


def trust(inventory: Inventory, confirm: Callable[[str], bool]) -> list[str]:
    """Record the keys of hosts not known yet. Returns their names. Raises InputError when one is refused."""
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
        if not pinned and not confirm(
            f"{host.name}: {key.get_name()} host key {shown}. Is it the right one?"
        ):
            raise InputError(
                f"{host.name}: its host key {shown} was not confirmed; compare it with your provider's console "
                "and set it as ssh_fingerprint, or run `invoke trust` at a terminal"
            )
        ssh.remember(host, key)
        added.append(host.name)
    return added


def ask(question: str) -> bool:
    """A person's yes at the terminal; no without one."""
    if not sys.stdin.isatty():
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
