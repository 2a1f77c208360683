"""Throw-away hosts to try Skerry and to test it on: virtual machines (qemu) or containers (nspawn)."""

from skerry.lab.access import cut, hosts, logs, mend, run, ssh_command
from skerry.lab.creation import up
from skerry.lab.host import LabError, LabHost
from skerry.lab.host_snapshots import restore, share, snapshot
from skerry.lab.power import power_off, reboot, reset, start
from skerry.lab.removal import down

__all__ = [
    "LabError",
    "LabHost",
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
