"""All controls of a host, and the waivers in its settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from skerry.model.hardening import firewall, k3s_cis, kernel, sshd, system
from skerry.model.hardening.control import Control, Waiver
from skerry.model.hardening.host_context import HostContext
from skerry.model.settings.settings import Settings

IDS = frozenset(
    f"{area}-{number:02}"
    for area, count in {"SSH": 12, "FW": 5, "KRN": 12, "SYS": 15, "K3S": 8}.items()
    for number in range(1, count + 1)
)
# The version in Ubuntu 20.04.
OLDEST_OPENSSH = (8, 2)


def controls(host_context: HostContext, openssh: tuple[int, int] = OLDEST_OPENSSH) -> list[Control]:
    """Returns all controls, including waived ones."""
    return [
        *sshd.controls(host_context.settings.sshd_root_login, openssh),
        *firewall.controls(host_context.settings),
        *kernel.controls(),
        *system.controls(host_context.settings, host_context.index),
        *k3s_cis.controls(host_context.settings, host_context.role),
    ]


def waivers(settings: Settings) -> dict[str, Waiver]:
    """Returns the waivers in harden_exceptions, by control."""
    return {
        id: Waiver(waiver["reason"], date.fromisoformat(waiver["until"]))
        for id, waiver in settings.harden_exceptions.items()
    }


def active(controls: list[Control], waived: Mapping[str, object]) -> list[Control]:
    """Returns the controls that are not waived.

    An expired waiver still holds here, so that no deploy changes a host because of the date. The audit fails instead.
    """
    return [control for control in controls if control.id not in waived]
