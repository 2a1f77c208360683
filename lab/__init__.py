"""Throw-away hosts to try Skerry and to test it on, by emulation (qemu) or in containers (nspawn)."""

from lab.access import cut, hosts, logs, mend, run, ssh_command
from lab.creation import up
from lab.host import Host, LabError
from lab.power import power_off, reboot, reset, start
from lab.removal import down
from lab.snapshots import restore, share, snapshot

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
