"""A second opinion on each check: read with testinfra and plain commands, not with the fact that the phases use."""

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

# Units that need a kernel of the host's own.
CONTAINER = {"auditd", "apparmor", "skerry-shm"}
# Sorted by file name across the folders, as systemd-sysctl reads them: the last value counts.
PERSISTED = (
    "cat $(ls /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf 2>/dev/null"
    " | awk -F/ '{ print $NF, $0 }' | sort | cut -d ' ' -f 2)"
)


def rules(host: Any, host_context: HostContext) -> File:
    """The firewall's rules for the ports at which sshd listens."""
    listed = host.check_output("ss -Hltnp").splitlines()
    ports = {int(line.split()[3].rpartition(":")[2]) for line in listed if '"sshd"' in line}
    active = catalogue.active(catalogue.controls(host_context), host_context.settings.harden_exceptions)
    ids = frozenset(control.id for control in active)
    return compose(
        host_context.settings,
        host_context.role,
        host_context.peer_networks,
        Ports(tuple(sorted(ports)) or (22,)),
        ids,
    )


def wrong(host: Any, control: Control, own_kernel: bool, host_context: HostContext) -> list[str]:
    """What does not hold of a control, in words; a container's kernel is not asked."""
    return [
        f"{check.kind} {check.key}: {found}, should be {check.expected}"
        for check in control.checks
        if own_kernel or not (check.key in CONTAINER or check.kind == "mount")
        for found in [_found(host, check, own_kernel, host_context)]
        if not check.holds(found)
    ]


def wrong_now(host: Any, control: Control, own_kernel: bool, host_context: HostContext) -> list[str]:
    """The same of a host behind a Shell that may have changed since it was last asked."""
    host.backend.forget()
    host.backend.ask(each for check in control.checks for each in questions(check))
    return wrong(host, control, own_kernel, host_context)


def questions(check: Check) -> list[str]:
    """The commands that tell whether a check holds."""
    return QUESTIONS[check.kind](check.key)


def _found(host: Any, check: Check, own_kernel: bool, host_context: HostContext) -> str | None:
    answers = [host.run(each) for each in questions(check)]
    if check.kind in ("module", "sysctl"):
        return {"module": _module, "sysctl": _sysctl}[check.kind](check, own_kernel, *answers)
    found = READINGS[check.kind](check, *answers)
    if check.key == FIREWALL_RULES and found:
        return "as composed" if found == rules(host, host_context).state else "differs"
    return found


def _text(answer: Any) -> str:
    assert answer.rc == 0, answer.stderr
    return str(answer.stdout).rstrip("\n")


def _unit_name(key: str) -> str:
    return key if "." in key else f"{key}.service"


QUESTIONS: dict[str, Callable[[str], list[str]]] = {
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
    "firewall": lambda key: [
        "nft -s list table inet skerry",
        f"unshare --net sh -c 'nft -f {FIREWALL_RULES} && nft -s list table inet skerry'",
    ],
    "k3s": lambda key: ["cat /etc/rancher/k3s/config.yaml"],
}


def _sshd(check: Check, running: Any) -> str | None:
    lines = _text(running).splitlines()
    return next((line.partition(" ")[2] for line in lines if line.startswith(f"{check.key} ")), None)


def _host_keys(check: Check, listed: Any) -> str:
    weak = [
        words[-1]
        for words in map(str.split, listed.stdout.splitlines())
        if words[-1] in ("(DSA)", "(ECDSA)") or int(words[0]) < 256
    ]
    return ",".join(weak) or "none"


def _sysctl(check: Check, own_kernel: bool, kept: Any, runtime: Any) -> str:
    """The running value, if it is what the next boot will set; in a container the latter alone."""
    lines = [line.partition("=") for line in _text(kept).splitlines()]
    values = [value.strip() for key, _, value in lines if key.strip().lstrip("-") == check.key]
    persisted = values[-1] if values else "not persisted"
    return _text(runtime) if own_kernel and check.holds(persisted) else persisted


def _module(check: Check, own_kernel: bool, configured: Any, present: Any) -> str:
    lines, loaded = configured.stdout, own_kernel and present.rc == 0
    return "blocked" if "install" in lines and "blacklist" in lines and not loaded else "loadable"


def _file(check: Check, found: Any) -> str | None:
    return " ".join(found.stdout.split()[:4]) if found.rc == 0 else None


def _mode(check: Check, listed: Any) -> str | None:
    """Of the files that a pattern stands for, the first that is not as wanted."""
    lines = listed.stdout.splitlines()
    return next((each for each in lines if not check.holds(each)), lines[0] if lines else None)


def _unit(check: Check, active: Any, enabled: Any = None) -> str:
    if check.key == "ufw":
        return "active" if "ENABLED=yes" in active.stdout else "off"
    runs = active.stdout.strip() in ("active", "activating")
    starts = enabled.stdout.strip().startswith(("enabled", "static"))
    return {(True, True): "active", (False, False): "off"}.get((runs, starts), "half")


def _package(check: Check, status: Any) -> str:
    return "installed" if status.stdout.endswith(" ok installed") else "absent"


def _mount(check: Check, options: Any) -> str:
    return _text(options)


def _line(check: Check, last: Any) -> str:
    return str(last.stdout.split()[-1])


def _firewall(check: Check, loaded: Any, wanted: Any) -> str:
    """The loaded table is what the rules make of an empty network namespace."""
    whole = "hook input priority" in loaded.stdout and "policy drop" in loaded.stdout
    return "as written" if loaded.stdout == wanted.stdout and whole else "differs"


def _k3s(check: Check, file: Any) -> str | None:
    config = yaml.safe_load(_text(file))
    flag, _, name = check.key.partition(" ")
    if not name:
        return str(config.get(flag)).lower() if flag in config else None
    values = [each.partition("=")[2] for each in config.get(flag) or [] if each.startswith(f"{name}=")]
    return values[-1] if values else None


READINGS: dict[str, Callable[..., str | None]] = {
    "sshd": _sshd, "hostkeys": _host_keys, "file": _file, "mode": _mode, "unit": _unit, "package": _package,
    "mount": _mount, "line": _line, "firewall": _firewall, "k3s": _k3s,
}  # fmt: skip
