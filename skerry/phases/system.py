"""System: set kernel, updates, logs, accounts, services and permissions as the controls require."""

from __future__ import annotations

import shlex

from pyinfra import host
from pyinfra.api import StringCommand, deploy

from skerry.facts.batch import BatchedFact
from skerry.facts.hardening import HardeningState
from skerry.model.files import TEMPORARY
from skerry.model.hardening import kernel
from skerry.model.hardening.control import Check
from skerry.model.preparation.apt import WITH_APT_LOCK_RETRY
from skerry.model.preparation.packages import install_script
from skerry.operations import Commands, operation
from skerry.operations.files import write_command
from skerry.phases.hardening_context import backup_originals, hardening_fact, host_context, plan_for

# The command to run after a file below the path has changed.
RELOAD = {
    "/etc/systemd/system/": "systemctl daemon-reload",
    "/etc/systemd/journald.conf.d/": "systemctl restart systemd-journald",
}


@deploy("System")
def system() -> None:
    """Make all controls hold, except those of SSH, the firewall and K3s, which have phases of their own."""
    if not host_context().settings.harden:
        return
    fact = hardening_fact()
    _install(name="Install what watches and updates", fact=fact)
    _purge(name="Remove clients that send passwords in the open", fact=fact)
    _write(name="Write configuration", fact=fact)
    _set_kernel(name="Set the kernel", fact=fact)
    _close(name="Close permissions", fact=fact)
    _switch(name="Switch services", fact=fact)


def _wrong(state: HardeningState, kind: str) -> list[Check]:
    """Returns the failing checks of this kind that belong to this phase's controls."""
    plan = plan_for(state)
    controls = [control for control in plan.active if control.id.startswith(("KRN", "SYS"))]
    own = {check for control in controls for check in control.checks}
    return [check for check in dict.fromkeys(plan.wrong) if check.kind == kind and check in own]


@operation
def _install(fact: BatchedFact[HardeningState]) -> Commands:
    state = fact.at_start()
    names = [check.key for check in _wrong(state, "package") if check.expected == "installed"]
    if not names:
        host.noop("all are installed")
        return
    yield from backup_originals(state, [f"install {name}" for name in names])
    yield StringCommand(install_script(tuple(names)))


@operation
def _purge(fact: BatchedFact[HardeningState]) -> Commands:
    state = fact.at_start()
    names = [check.key for check in _wrong(state, "package") if check.expected == "absent"]
    if not names:
        host.noop("none is installed")
        return
    yield from backup_originals(state, [f"purge {name}" for name in names])
    yield StringCommand(f"{WITH_APT_LOCK_RETRY}patiently apt-get -q -y purge {shlex.join(names)}")


@operation
def _write(fact: BatchedFact[HardeningState]) -> Commands:
    """Write our own files, and single lines in files of the distribution, which new packages may have added."""
    state = fact.current()
    plan = plan_for(state)
    files = [
        file
        for file in (*plan.files.values(), *kernel.files(plan.active))
        if state.files.get(file.path) != file.state
    ]
    lines = {(path, key): check for check in _wrong(state, "line") for path, key in [check.key.split()]}
    if not (files or lines):
        host.noop("all is written")
        return
    paths = [file.path for file in files] + [path for path, _ in lines]
    yield from backup_originals(state, [f"file {path}" for path in paths])
    yield from map(write_command, files)
    for (path, key), check in lines.items():
        yield StringCommand(set_line_script(path, key, check.expected))
    for folder, command in RELOAD.items():
        if any(file.path.startswith(folder) for file in files):
            yield StringCommand(command)
    if state.own_kernel and any(file.path.startswith("/etc/audit/") for file in files):
        yield StringCommand(
            "PATH=$PATH:/usr/sbin:/sbin; augenrules --load > /dev/null; service auditd restart"
        )


def set_line_script(path: str, key: str, value: str) -> str:
    """Returns shell that sets `key` in a file of "KEY value" lines, or appends the line if `key` is missing."""
    copy = path + TEMPORARY
    return (
        f"cp --preserve {path} {copy} && "
        f'awk -v key={key} -v value={value} \'$1 == key {{ if (!done) print key "\\t\\t" value; done = 1; next }} '
        f'{{ print }} END {{ if (!done) print key "\\t\\t" value }}\' {path} > {copy} && '
        f"sync {copy} && mv -f {copy} {path}"
    )


@operation
def _set_kernel(fact: BatchedFact[HardeningState]) -> Commands:
    """Set sysctls and unload modules. Some sysctls, such as kexec_load_disabled, cannot be set back before a reboot."""
    state = fact.current()
    wrong = [check for check in _wrong(state, "sysctl") if check.id in state.values]
    loaded = [check.key for check in _wrong(state, "module") if state.values.get(check.id) == "loaded"]
    if wrong:
        yield from backup_originals(state, [f"sysctl {check.key}" for check in wrong])
        pairs = shlex.join(f"{check.key}={check.expected.split('|')[0]}" for check in wrong)
        yield StringCommand(f"PATH=$PATH:/usr/sbin:/sbin sysctl --quiet --write {pairs}")
    if loaded:
        yield StringCommand(
            f"PATH=$PATH:/usr/sbin:/sbin; modprobe --remove {shlex.join(loaded)} || echo 'in use until the next boot'"
        )
    if not (wrong or loaded):
        host.noop("the kernel is as wanted")


@operation
def _close(fact: BatchedFact[HardeningState]) -> Commands:
    """Set owners and modes of existing paths. Of several values that a check accepts, the first is set."""
    state = fact.current()
    wrong = [check for check in _wrong(state, "mode") if check.id in state.values]
    if not wrong:
        host.noop("all permissions are as wanted")
        return
    yield from backup_originals(state, [f"mode {check.key}" for check in wrong])
    for check in wrong:
        mode, owner, group = check.expected.split("|")[0].split()
        yield StringCommand(f"chown {owner}:{group} {check.key} && chmod {mode} {check.key}")


@operation
def _switch(fact: BatchedFact[HardeningState]) -> Commands:
    """Start required services; stop and mask unwanted ones, so that no socket or other unit can start them."""
    state = fact.current()
    wrong = _wrong(state, "unit")
    if not wrong:
        host.noop("all services are as wanted")
        return
    yield from backup_originals(state, [f"unit {check.key}" for check in wrong])
    on = [_unit(check.key) for check in wrong if check.expected == "active"]
    off = [_unit(check.key) for check in wrong if check.expected != "active"]
    if on:
        # Not "enable --quiet --now": that would hide why a unit does not start.
        names = shlex.join(on)
        yield StringCommand(
            f"systemctl unmask --quiet {names}; systemctl enable --quiet {names} && systemctl start {names}"
        )
    for unit in off:
        # Most units have no socket, and disabling one that is missing fails. `mask` reports what matters.
        yield StringCommand(
            f"systemctl disable --quiet --now {unit} {unit.replace('.service', '.socket')} 2>/dev/null; "
            f"systemctl mask --quiet --now {unit}"
        )


def _unit(name: str) -> str:
    """Returns a unit's full name; a name without a suffix is a service's."""
    return name if "." in name else f"{name}.service"
