"""Upgrades that a cluster runs itself, by system-upgrade-controller and kured: versions and template values."""

from __future__ import annotations

from skerry.fleet.metadata import Upgrades
from skerry.model.errors import InputError

CONTROLLER = "v0.20.1"  # https://github.com/rancher/system-upgrade-controller/releases
KURED = "6.0.0"  # of the chart: https://github.com/kubereboot/charts
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOW_HOURS = 3


def check(upgrades: Upgrades) -> None:
    """Raise InputError if there is no window in which kured may reboot hosts."""
    if not upgrades.window:
        raise InputError("reboot_window is empty; set the window for kured, run this, then empty it again")


def template_values(upgrades: Upgrades) -> dict[str, str]:
    """The values of the templates in templates/upgrades. kured's window must not pass midnight."""
    day, _, start = upgrades.window.partition(" ")
    hour, _, minute = start.partition(":")
    end = "23:59" if int(hour) + WINDOW_HOURS > 23 else f"{int(hour) + WINDOW_HOURS:02}:{minute}"
    return {
        "controller": CONTROLLER,
        "kured": KURED,
        "version": upgrades.version,
        "concurrency": str(upgrades.concurrency),
        "seconds": str(upgrades.drain_seconds),
        "days": ", ".join(DAYS if day == "daily" else [day.lower()]),
        "start": start,
        "end": end,
    }
