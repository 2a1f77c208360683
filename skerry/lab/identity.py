"""Who a host is: made once, when the host is made, and kept through resets."""

from __future__ import annotations

from skerry.lab import keys, seed
from skerry.lab.host import Record
from skerry.lab.place import Place


def files(here: Place, record: Record) -> list[seed.File]:
    """The host's name and keys as files for it; its known_hosts file is written here and now."""
    client = keys.make(here.keys / "client", "skerry-lab")
    private = here.host(record.name) / "ssh_host_ed25519_key"
    keys.make(private, record.name)
    pin(here, record)
    return seed.identity(record.name, private, client)


def pin(here: Place, record: Record) -> None:
    """Write the known_hosts file of a host, from the key it was given."""
    folder = here.host(record.name)
    public = keys.make(folder / "ssh_host_ed25519_key", record.name)
    (folder / "known_hosts").write_text(keys.known_host(record.address, record.port, public))
