"""`invoke trust`: the hosts' SSH keys, recorded after a look at their fingerprints."""

from __future__ import annotations

from skerry.remote.inventory import Inventory
from skerry.remote.trust import trust


def record(inventory: Inventory) -> None:
    """Record the keys of hosts that known_hosts lacks, and print how many. Raises InputError when one is refused."""
    added = trust(inventory)
    print(f"{len(added)} host key(s) recorded. Next: invoke up {inventory.path}")
