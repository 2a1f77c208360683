"""What hardening asks of a host: where to look, and what is wrong with what was found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from skerry.facts.hardening import HardeningState
from skerry.model.files import File
from skerry.model.hardening import catalogue, firewall, k3s_cis, kernel, sshd, system
from skerry.model.hardening.control import Check, Control, Place
from skerry.model.hardening.guard import GUARD_FILES
from skerry.model.hardening.host_context import HostContext
from skerry.model.host_paths import FIREWALL_RULES


def places(mine: HostContext) -> list[str]:
    """What to look at, "kind key": every check of every control, and the files and users of the settings."""
    checks = [check for control in catalogue.controls(mine) for check in control.checks]
    wanted_places = {f"{check.kind} {_key(check)}" for check in checks if check.kind not in ("sshd", "k3s")}
    paths = {sshd.DROP_IN, FIREWALL_RULES, firewall.SERVICE.path, kernel.SYSCTL_FILE, kernel.MODULES_FILE}
    paths |= {file.path for file in GUARD_FILES} | {k3s_cis.POLICIES}
    for name in mine.settings.users:
        paths |= {f"/etc/sudoers.d/90-skerry-{name}", keys_path(name)}
    wanted_places |= {"unit skerry-guard.service", *(f"file {path}" for path in paths)}
    wanted_places |= {f"user {name}" for name in mine.settings.users}
    return sorted(wanted_places)


def keys_path(name: str) -> str:
    """Where sshd looks for a user's keys."""
    return "/root/.ssh/authorized_keys" if name == "root" else f"/home/{name}/.ssh/authorized_keys"


def _key(check: Check) -> str:
    return check.key if check.kind != "unit" or "." in check.key else f"{check.key}.service"


@dataclass(frozen=True)
class Plan:
    """What is wanted of a host, given what was found."""

    host_context: HostContext
    state: HardeningState

    @cached_property
    def controls(self) -> list[Control]:
        return catalogue.controls(self.host_context, self.state.openssh)

    @cached_property
    def active(self) -> list[Control]:
        return catalogue.active(self.controls, self.host_context.settings.harden_exceptions)

    @cached_property
    def found(self) -> dict[Place, str]:
        """The checks' values. The rules depend on the host's SSH ports, so that they are compared here."""
        values = dict(self.state.found)
        if state := values.get(("file", FIREWALL_RULES)):
            values["file", FIREWALL_RULES] = "as composed" if state == self.rules.state else "differs"
        return values

    @cached_property
    def wrong(self) -> list[Check]:
        """The checks that do not hold, of controls that are not waived and that this host can have."""
        return [
            check
            for control in self.active
            for check in control.checks
            if check.applies(self.state.inapplicable) and not check.holds(self.found.get(check.place))
        ]

    @cached_property
    def rules(self) -> File:
        """The firewall's rules."""
        ports = firewall.Ports(self.state.ssh_ports or (22,))
        ids = frozenset(control.id for control in self.active)
        return firewall.compose(
            self.host_context.settings, self.host_context.role, self.host_context.peer_networks, ports, ids
        )

    @cached_property
    def drop_in(self) -> File:
        return sshd.drop_in(self.active, self.state.host_keys, self.host_context.settings.sshd_extra)

    @cached_property
    def files(self) -> dict[str, File]:
        """Files of the system phase, by path, those of waived controls left out."""
        wanted_paths = {
            check.key for control in self.active for check in control.checks if check.kind == "file"
        }
        every = [*kernel.FILES, *system.files(self.host_context.settings, self.host_context.index)]
        return {each.path: each for each in every if each.path in wanted_paths}
