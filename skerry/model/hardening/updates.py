"""Automatic security updates, and the reboots that they may need."""

from __future__ import annotations

from string import Template

from skerry import templates
from skerry.model.files import File
from skerry.model.host_paths import REBOOT_SCRIPT
from skerry.model.settings.settings import Settings

UPDATE_UNITS = ("apt-daily.timer", "apt-daily-upgrade.timer")
# Time from the start of one host's reboot window to the next host's.
STAGGER_MINUTES = 30
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_UPGRADES = """// Written by Skerry. Security updates alone; the reboot is skerry-reboot.timer's, which drains first.
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
APT::Periodic::AutocleanInterval "7";
#clear Unattended-Upgrade::Allowed-Origins;
#clear Unattended-Upgrade::Origins-Pattern;
Unattended-Upgrade::Origins-Pattern {
  "origin=Debian,codename=${distro_codename},label=Debian-Security";
  "origin=Debian,codename=${distro_codename}-security,label=Debian-Security";
  "origin=Ubuntu,suite=${distro_codename}-security";
  "origin=UbuntuESM,suite=${distro_codename}-infra-security";
};
Unattended-Upgrade::Automatic-Reboot "false";
Unattended-Upgrade::MinimalSteps "true";
Unattended-Upgrade::Remove-Unused-Kernel-Packages "true";
"""
_NEEDRESTART = """# Written by Skerry. K3s restarts when Skerry says so, and nothing restarts pods' runtime under them.
$nrconf{override_rc}{qr(^k3s)} = 0;
$nrconf{override_rc}{qr(^skerry)} = 0;
1;
"""


def update_files() -> list[File]:
    """Returns unattended-upgrades' and needrestart's configuration. apt reads 52-skerry after 50unattended-upgrades."""
    return [
        File("/etc/apt/apt.conf.d/52-skerry", _UPGRADES),
        File("/etc/needrestart/conf.d/skerry.conf", _NEEDRESTART),
    ]


def reboot_files(settings: Settings, index: int) -> list[File]:
    """Returns the reboot window's timer and script, and the service that uncordons the node; [] without a window."""
    if not settings.reboot_window:
        return []
    reboot = Template(templates.text("hardening/reboot.sh")).substitute(
        drain_seconds=settings.reboot_drain_seconds
    )
    timer = Template(templates.text("hardening/skerry-reboot.timer")).substitute(
        window=window(settings.reboot_window, index)
    )
    units = [
        File(f"/etc/systemd/system/{name}", templates.text(f"hardening/{name}"))
        for name in ("skerry-reboot.service", "skerry-uncordon.service")
    ]
    return [
        File(REBOOT_SCRIPT, reboot, "755"),
        *units,
        File("/etc/systemd/system/skerry-reboot.timer", timer),
    ]


def window(text: str, index: int) -> str:
    """Returns systemd's calendar expression for a window such as "Sun 03:00", `index` steps of STAGGER_MINUTES later.

    >>> window("Sun 23:50", 1)
    'Mon *-*-* 00:20:00'
    """
    day, clock = text.split()
    hours, minutes = map(int, clock.split(":"))
    later, minute = divmod(hours * 60 + minutes + index * STAGGER_MINUTES, 24 * 60)
    name = "*-*-*" if day == "daily" else f"{DAYS[(DAYS.index(day) + later) % 7]} *-*-*"
    return f"{name} {minute // 60:02}:{minute % 60:02}:00"
