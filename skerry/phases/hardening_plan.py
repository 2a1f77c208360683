"""The values that hardening reads on a host, and which of them are wrong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from skerry.facts.hardening import HardeningState
from skerry.model.files import File
from skerry.model.hardening import catalogue, firewall, k3s_cis, kernel, sshd, system
from skerry.model.hardening.control import Check, CheckId, Control
from skerry.model.hardening.guard import GUARD_FILES
from skerry.model.hardening.host_context import HostContext
from skerry.model.host_paths import FIREWALL_RULES


def values_to_read(context: HostContext) -> list[str]:
    """Returns what the fact must read, each as "kind key": all controls' checks, our files, the settings' users."""
    checks = [check for control in catalogue.controls(context) for check in control.checks]
    checked = {f"{check.kind} {_key(check)}" for check in checks if check.kind not in ("sshd", "k3s")}
    paths = {sshd.DROP_IN, FIREWALL_RULES, firewall.SERVICE.path, kernel.SYSCTL_FILE, kernel.MODULES_FILE}
    paths |= {file.path for file in GUARD_FILES} | {k3s_cis.POLICIES}
    for name in context.settings.users:
        paths |= {sudoers_path(name), keys_path(name)}
    files = {f"file {path}" for path in paths}
    users = {f"user {name}" for name in context.settings.users}
    return sorted(checked | files | users | {"unit skerry-guard.service"})


def keys_path(name: str) -> str:
    """Returns the path of a user's authorized_keys, for a home folder in its usual place."""
    return "/root/.ssh/authorized_keys" if name == "root" else f"/home/{name}/.ssh/authorized_keys"


def sudoers_path(name: str) -> str:
    """Returns the path of the file that lets a user of the settings run sudo."""
    return f"/etc/sudoers.d/90-skerry-{name}"


def _key(check: Check) -> str:
    return check.key if check.kind != "unit" or "." in check.key else f"{check.key}.service"


@dataclass(frozen=True)
class HardeningPlan:
    """The files and rules that a host in this state should have, and which of its values are wrong."""

    host_context: HostContext
    state: HardeningState

    @cached_property
    def controls(self) -> list[Control]:
        return catalogue.controls(self.host_context, self.state.openssh)

    @cached_property
    def active(self) -> list[Control]:
        """The controls that are not waived."""
        return catalogue.active(self.controls, self.host_context.settings.harden_exceptions)

    @cached_property
    def active_ids(self) -> frozenset[str]:
        return frozenset(control.id for control in self.active)

    @cached_property
    def values(self) -> dict[CheckId, str]:
        """The values of checks. Only here can the firewall's rules be compared: they depend on the host's SSH ports."""
        values = dict(self.state.values)
        if state := values.get(("file", FIREWALL_RULES)):
            values["file", FIREWALL_RULES] = "as composed" if state == self.rules.state else "differs"
        return values

    @cached_property
    def wrong(self) -> list[Check]:
        """The failing checks of active controls, without checks that are inapplicable to this host."""
        return [
            check
            for control in self.active
            for check in control.checks
            if check.applies(self.state.inapplicable) and not check.holds(self.values.get(check.id))
        ]

    @cached_property
    def rules(self) -> File:
        """The file of the firewall's rules. They let in every port on which sshd listens, or 22 if none is known."""
        ports = firewall.Ports(self.state.ssh_ports or (22,))
        context = self.host_context
        return firewall.compose(context.settings, context.role, context.peer_networks, ports, self.active_ids)

    @cached_property
    def drop_in(self) -> File:
        """The drop-in file of sshd's configuration."""
        return sshd.drop_in(self.active, self.state.host_keys, self.host_context.settings.sshd_extra)

    @cached_property
    def files(self) -> dict[str, File]:
        """The files of the system phase by path, without those of waived controls."""
        active = {check.key for control in self.active for check in control.checks if check.kind == "file"}
        files = [*kernel.FILES, *system.files(self.host_context.settings, self.host_context.index)]
        return {file.path: file for file in files if file.path in active}
