"""Reads the value behind each hardening check with plain commands, independently of the fact that the phases use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from skerry.model.files import File
from skerry.model.hardening import catalogue
from skerry.model.hardening.control import Check, Control
from skerry.model.hardening.firewall import Ports, compose
from skerry.model.hardening.host_context import HostContext
from skerry.model.host_paths import FIREWALL_RULES

# Keys of what a container cannot have, because the kernel belongs to the machine.
CONTAINER = {"auditd", "apparmor", "skerry-shm"}
# Sorted by file name across folders, as systemd-sysctl does: the last value of a key counts.
PERSISTED = (
    "cat $(ls /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf 2>/dev/null"
    " | awk -F/ '{ print $NF, $0 }' | sort | cut -d ' ' -f 2)"
)


def rules(host: Any, host_context: HostContext) -> File:
    """Returns the firewall rules that the host should have. They let in the ports of its sshd, else 22."""
    listeners = host.check_output("ss -Hltnp").splitlines()
    ports = {int(line.split()[3].rpartition(":")[2]) for line in listeners if '"sshd"' in line}
    active = catalogue.active(catalogue.controls(host_context), host_context.settings.harden_exceptions)
    ids = frozenset(control.id for control in active)
    return compose(
        host_context.settings,
        host_context.role,
        host_context.peer_networks,
        Ports(tuple(sorted(ports)) or (22,)),
        ids,
    )


def faults(host: Any, control: Control, own_kernel: bool, host_context: HostContext) -> list[str]:
    """Returns a line for each check of the control that does not hold.

    Without `own_kernel`, mounts and CONTAINER are left out, and sysctls and modules are judged by their files only.
    """
    values = {
        check: _read(host, check, own_kernel, host_context)
        for check in control.checks
        if own_kernel or not (check.key in CONTAINER or check.kind == "mount")
    }
    return [
        f"{check.kind} {check.key}: {value}, should be {check.expected}"
        for check, value in values.items()
        if not check.holds(value)
    ]


def current_faults(host: Any, control: Control, own_kernel: bool, host_context: HostContext) -> list[str]:
    """Returns the same as `faults`, for a host that may have changed since its Shell last ran these commands."""
    host.backend.clear_cache()
    host.backend.submit(command for check in control.checks for command in commands(check))
    return faults(host, control, own_kernel, host_context)


def commands(check: Check) -> list[str]:
    """Returns the commands whose results tell whether a check holds."""
    return COMMANDS[check.kind](check.key)


def _read(host: Any, check: Check, own_kernel: bool, host_context: HostContext) -> str | None:
    results = [host.run(command) for command in commands(check)]
    if check.kind in ("module", "sysctl"):
        return {"module": _module, "sysctl": _sysctl}[check.kind](check, own_kernel, *results)
    value = PARSERS[check.kind](check, *results)
    if check.key == FIREWALL_RULES and value:
        return "as composed" if value == rules(host, host_context).state else "differs"
    return value


def _text(result: Any) -> str:
    assert result.rc == 0, result.stderr
    return str(result.stdout).rstrip("\n")


def _unit_name(key: str) -> str:
    return key if "." in key else f"{key}.service"


COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "sshd": lambda key: ["sshd -T"],
    "hostkeys": lambda key: ["for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k; done"],
    "sysctl": lambda key: [PERSISTED, f"cat /proc/sys/{key.replace('.', '/')}"],
    "module": lambda key: [
        f"modprobe --showconfig | grep -E '^(install|blacklist) {key.replace('-', '[-_]')}'",
        f"test -e /sys/module/{key.replace('-', '_')}",
    ],
    "file": lambda key: [f"stat -c '%a %U %G' {key} && sha256sum < {key}"],
    "mode": lambda key: [f"stat -c '%a %U %G' {key}"],
    "unit": lambda key: (
        ["cat /etc/ufw/ufw.conf"]
        if key == "ufw"
        else [f"systemctl {verb} {_unit_name(key)}" for verb in ("is-active", "is-enabled")]
    ),
    "package": lambda key: [f"dpkg-query -f '${{Status}}' -W {key}"],
    "mount": lambda key: [f"findmnt -n -o OPTIONS {key}"],
    "line": lambda key: [f"grep -E '^{key.split()[1]}[[:space:]]' {key.split()[0]} | tail -n 1"],
    # -s leaves out counters, in which the two tables always differ.
    "firewall": lambda key: [
        "nft -s list table inet skerry",
        f"unshare --net sh -c 'nft -f {FIREWALL_RULES} && nft -s list table inet skerry'",
    ],
    "k3s": lambda key: ["cat /etc/rancher/k3s/config.yaml"],
}


def _sshd(check: Check, settings: Any) -> str | None:
    lines = _text(settings).splitlines()
    return next((line.partition(" ")[2] for line in lines if line.startswith(f"{check.key} ")), None)


def _host_keys(check: Check, fingerprints: Any) -> str:
    weak = [
        words[-1]
        for words in map(str.split, fingerprints.stdout.splitlines())
        if words[-1] in ("(DSA)", "(ECDSA)") or int(words[0]) < 256
    ]
    return ",".join(weak) or "none"


def _sysctl(check: Check, own_kernel: bool, files: Any, running: Any) -> str:
    """Returns the value that the files set at boot, "not persisted" if none does; the running value if that is right.

    In a container, always the files' value, because the running one is the machine's.
    """
    lines = [line.partition("=") for line in _text(files).splitlines()]
    values = [value.strip() for key, _, value in lines if key.strip().lstrip("-") == check.key]
    persisted = values[-1] if values else "not persisted"
    return _text(running) if own_kernel and check.holds(persisted) else persisted


def _module(check: Check, own_kernel: bool, configuration: Any, present: Any) -> str:
    lines, loaded = configuration.stdout, own_kernel and present.rc == 0
    return "blocked" if "install" in lines and "blacklist" in lines and not loaded else "loadable"


def _file(check: Check, state: Any) -> str | None:
    return " ".join(state.stdout.split()[:4]) if state.rc == 0 else None


def _mode(check: Check, modes: Any) -> str | None:
    """Returns the mode of the first file that violates the check, else of the first file; None if there is no file."""
    lines = modes.stdout.splitlines()
    return next((line for line in lines if not check.holds(line)), lines[0] if lines else None)


def _unit(check: Check, active: Any, enabled: Any = None) -> str:
    """Returns "active" if the unit runs and starts at boot, "off" if neither, "half" if only one of them."""
    if check.key == "ufw":
        return "active" if "ENABLED=yes" in active.stdout else "off"
    runs = active.stdout.strip() in ("active", "activating")
    starts = enabled.stdout.strip().startswith(("enabled", "static"))
    return {(True, True): "active", (False, False): "off"}.get((runs, starts), "half")


def _package(check: Check, status: Any) -> str:
    return "installed" if status.stdout.endswith(" ok installed") else "absent"


def _mount(check: Check, options: Any) -> str:
    return _text(options)


def _line(check: Check, last_match: Any) -> str:
    return str(last_match.stdout.split()[-1])


def _firewall(check: Check, table: Any, expected: Any) -> str:
    """Returns "as written" if the loaded table is what the file gives in an empty network namespace, else "differs"."""
    complete = "hook input priority" in table.stdout and "policy drop" in table.stdout
    return "as written" if table.stdout == expected.stdout and complete else "differs"


def _k3s(check: Check, file: Any) -> str | None:
    config = yaml.safe_load(_text(file))
    flag, _, name = check.key.partition(" ")
    if not name:
        return str(config.get(flag)).lower() if flag in config else None
    values = [entry.partition("=")[2] for entry in config.get(flag) or [] if entry.startswith(f"{name}=")]
    return values[-1] if values else None


PARSERS: dict[str, Callable[..., str | None]] = {
    "sshd": _sshd, "hostkeys": _host_keys, "file": _file, "mode": _mode, "unit": _unit, "package": _package,
    "mount": _mount, "line": _line, "firewall": _firewall, "k3s": _k3s,
}  # fmt: skip
