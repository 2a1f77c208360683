"""`invoke trust`: record the hosts' SSH keys after their fingerprints were confirmed."""

from __future__ import annotations

from skerry.remote.inventory import Inventory
from skerry.remote.trust import trust


def record(inventory: Inventory) -> None:
    """Record the keys of hosts missing from known_hosts, and print how many. Raises InputError if a key is refused."""
    added = trust(inventory)
    print(f"{len(added)} host key(s) recorded. Next: invoke up {inventory.path}")
