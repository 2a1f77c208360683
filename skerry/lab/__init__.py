"""Throw-away hosts to try Skerry and to test it on, by emulation (qemu) or in containers (nspawn)."""

from skerry.lab.access import cut, hosts, logs, mend, run, ssh_command
from skerry.lab.creation import up
from skerry.lab.host import Host, LabError
from skerry.lab.power import power_off, reboot, reset, start
from skerry.lab.removal import down
from skerry.lab.snapshots import restore, share, snapshot

__all__ = [
    "Host",
    "LabError",
    "cut",
    "down",
    "hosts",
    "logs",
    "mend",
    "power_off",
    "reboot",
    "reset",
    "restore",
    "run",
    "share",
    "snapshot",
    "ssh_command",
    "start",
    "up",
]
