"""System: kernel, updates, logs, accounts, services and permissions, as the controls say."""

from __future__ import annotations

import shlex

from pyinfra import host
from pyinfra.api import StringCommand, deploy

from skerry.facts.batch import BatchedFact
from skerry.facts.hardening import HardeningState
from skerry.model.files import File
from skerry.model.hardening import kernel
from skerry.model.hardening.control import Check
from skerry.model.preparation.apt import WITH_APT_LOCK_RETRY
from skerry.operations import Commands, operation
from skerry.operations.files import write_script
from skerry.phases.hardening_context import backup_originals, host_context, planned, snapshot
from skerry.phases.packages import install_script

FOLLOW = {  # what must be told of a changed file, by the beginning of its path
    "/etc/systemd/system/": "systemctl daemon-reload",
    "/etc/systemd/journald.conf.d/": "systemctl restart systemd-journald",
}


@deploy("System")
def system() -> None:
    """Every control that is neither SSH's, the firewall's nor K3s's holds."""
    mine = host_context()
    if not mine.settings.harden:
        return
    found = snapshot(mine)
    _install(name="Install what watches and updates", found=found)
    _purge(name="Remove clients that send passwords in the open", found=found)
    _write(name="Write configuration", found=found)
    _set_kernel(name="Set the kernel", found=found)
    _close(name="Close permissions", found=found)
    _switch(name="Switch services", found=found)


def _wrong(state: HardeningState, kind: str) -> list[Check]:
    """The checks of a kind that do not hold and are this phase's."""
    plan = planned(state)
    ours = [control.id for control in plan.active if control.id.startswith(("KRN", "SYS"))]
    owned = {check for control in plan.active if control.id in ours for check in control.checks}
    return [check for check in dict.fromkeys(plan.wrong) if check.kind == kind and check in owned]


@operation
def _install(found: BatchedFact[HardeningState]) -> Commands:
    state = found.at_start()
    names = [check.key for check in _wrong(state, "package") if check.wanted == "installed"]
    if not names:
        host.noop("all are installed")
        return
    yield from backup_originals(state, [f"install {name}" for name in names])
    yield StringCommand(install_script(tuple(names)))


@operation
def _purge(found: BatchedFact[HardeningState]) -> Commands:
    state = found.at_start()
    names = [check.key for check in _wrong(state, "package") if check.wanted == "absent"]
    if not names:
        host.noop("none is installed")
        return
    yield from backup_originals(state, [f"purge {name}" for name in names])
    yield StringCommand(f"{WITH_APT_LOCK_RETRY}patiently apt-get -q -y purge {shlex.join(names)}")


@operation
def _write(found: BatchedFact[HardeningState]) -> Commands:
    """Whole files, and the one line that is host_context of the distribution's file."""
    state = found.current()
    plan = planned(state)
    wanted: list[File] = [*plan.files.values(), *kernel.files(plan.active)]
    files = [file for file in wanted if state.files.get(file.path) != file.state]
    lines = [check.key.split() for check in _wrong(state, "line")]
    if not (files or lines):
        host.noop("all is written")
        return
    yield from backup_originals(
        state, [*(f"file {file.path}" for file in files), *(f"file {path}" for path, _ in lines)]
    )
    for file in files:
        yield StringCommand(write_script(file), _stdin=file.content)
    for path, key in lines:
        value = next(c.wanted for c in _wrong(state, "line") if c.key == f"{path} {key}")
        yield StringCommand(set_line_script(path, key, value))
    for command in dict.fromkeys(c for start, c in FOLLOW.items() for f in files if f.path.startswith(start)):
        yield StringCommand(command)
    if state.own_kernel and any(file.path.startswith("/etc/audit/") for file in files):
        yield StringCommand(
            "PATH=$PATH:/usr/sbin:/sbin; augenrules --load > /dev/null; service auditd restart"
        )


def set_line_script(path: str, key: str, value: str) -> str:
    """Give `key` its value in a file of "KEY value" lines; a line that is missing is appended."""
    temporary = f"{path}.skerry-new"
    return (
        f"cp --preserve {path} {temporary} && "
        f'awk -v key={key} -v value={value} \'$1 == key {{ if (!done) print key "\\t\\t" value; done = 1; next }} '
        f'{{ print }} END {{ if (!done) print key "\\t\\t" value }}\' {path} > {temporary} && '
        f"sync {temporary} && mv -f {temporary} {path}"
    )


@operation
def _set_kernel(found: BatchedFact[HardeningState]) -> Commands:
    """A container has no kernel to change. kexec_load_disabled and the like cannot be taken back before a boot."""
    state = found.current()
    wrong = [check for check in _wrong(state, "sysctl") if check.place in state.found]
    loaded = [check.key for check in _wrong(state, "module") if state.found.get(check.place) == "loaded"]
    if wrong:
        yield from backup_originals(state, [f"sysctl {check.key}" for check in wrong])
        pairs = shlex.join(f"{check.key}={check.wanted.split('|')[0]}" for check in wrong)
        yield StringCommand(f"PATH=$PATH:/usr/sbin:/sbin sysctl --quiet --write {pairs}")
    if loaded:
        yield StringCommand(
            f"PATH=$PATH:/usr/sbin:/sbin; modprobe --remove {shlex.join(loaded)} || echo 'in use until the next boot'"
        )
    if not (wrong or loaded):
        host.noop("the kernel is as wanted")


@operation
def _close(found: BatchedFact[HardeningState]) -> Commands:
    state = found.current()
    wrong = [check for check in _wrong(state, "mode") if check.place in state.found]
    if not wrong:
        host.noop("all permissions are as wanted")
        return
    yield from backup_originals(state, [f"mode {check.key}" for check in wrong])
    for check in wrong:
        mode, owner, group = check.wanted.split("|")[0].split()
        yield StringCommand(f"chown {owner}:{group} {check.key} && chmod {mode} {check.key}")


@operation
def _switch(found: BatchedFact[HardeningState]) -> Commands:
    """A service that is off is masked, so that no socket or other unit brings it back."""
    state = found.current()
    wrong = _wrong(state, "unit")
    if not wrong:
        host.noop("all services are as wanted")
        return
    yield from backup_originals(state, [f"unit {check.key}" for check in wrong])
    on = [_unit(check.key) for check in wrong if check.wanted == "active"]
    off = [_unit(check.key) for check in wrong if check.wanted != "active"]
    if on:  # quiet, "enable --now" would not say why a unit does not start
        names = shlex.join(on)
        yield StringCommand(
            f"systemctl unmask --quiet {names}; systemctl enable --quiet {names} && systemctl start {names}"
        )
    for unit in off:
        yield StringCommand(
            f"systemctl disable --quiet --now {unit} {unit.replace('.service', '.socket')} 2>/dev/null; "
            f"systemctl mask --quiet --now {unit}"
        )


def _unit(name: str) -> str:
    return name if "." in name else f"{name}.service"
