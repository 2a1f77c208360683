"""A second opinion on each check: read with testinfra and plain commands, not with the fact that the phases use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import yaml

from cluster.files import File
from cluster.hardening import catalogue
from cluster.hardening.catalogue import Part
from cluster.hardening.control import Check, Control
from cluster.hardening.firewall import RULES, Ports, compose

CONTAINER = {"auditd", "apparmor", "skerry-shm"}  # what a container's kernel cannot have
PERSISTED = (  # by name across folders, as systemd-sysctl reads them: the last word counts
    "cat $(ls /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf 2>/dev/null"
    " | awk -F/ '{ print $NF, $0 }' | sort | cut -d ' ' -f 2)"
)


class Once:
    """A host that is asked each question once."""

    def __init__(self, host: Any) -> None:
        self._host = host
        self.run = cache(host.run)

    def check_output(self, command: str) -> str:
        answer = self.run(command)
        assert answer.rc == 0, answer.stderr
        return str(answer.stdout).rstrip("\r\n")  # as testinfra's own

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)


def rules(host: Any, part: Part) -> File:
    """The firewall's rules for the ports at which sshd listens."""
    listed = host.check_output("ss -Hltnp").splitlines()
    ports = {int(line.split()[3].rpartition(":")[2]) for line in listed if '"sshd"' in line}
    active = catalogue.active(catalogue.controls(part), part.settings.harden_exceptions)
    ids = frozenset(control.id for control in active)
    return compose(part.settings, part.role, part.members, Ports(tuple(sorted(ports)) or (22,)), ids)


def wrong(host: Any, control: Control, own_kernel: bool, part: Part) -> list[str]:
    """What does not hold of a control, in words; a container's kernel is not asked.

    A host that is given as `Once` remembers its answers from control to control.
    """
    host = host if isinstance(host, Once) else Once(host)
    return [
        f"{check.kind} {check.key}: {found}, should be {check.wanted}"
        for check in control.checks
        if own_kernel or not (check.key in CONTAINER or check.kind == "mount")
        for found in [_found(host, check, own_kernel, part)]
        if not check.holds(found)
    ]


def _found(host: Any, check: Check, own_kernel: bool, part: Part) -> str | None:
    found = READINGS[check.kind](host, check, own_kernel)
    if check.key == RULES and found:
        return "as composed" if found == rules(host, part).state else "differs"
    return found


def _sshd(host: Any, check: Check, own_kernel: bool) -> str | None:
    lines = host.check_output("sshd -T").splitlines()
    return next((line.partition(" ")[2] for line in lines if line.startswith(f"{check.key} ")), None)


def _host_keys(host: Any, check: Check, own_kernel: bool) -> str:
    listed = host.run("for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k; done").stdout.splitlines()
    weak = [
        words[-1]
        for words in map(str.split, listed)
        if words[-1] in ("(DSA)", "(ECDSA)") or int(words[0]) < 256
    ]
    return ",".join(weak) or "none"


def _sysctl(host: Any, check: Check, own_kernel: bool) -> str:
    """The running value, if it is what the next boot will set; in a container the latter alone."""
    lines = [line.partition("=") for line in host.check_output(PERSISTED).splitlines()]
    kept = [value.strip() for key, _, value in lines if key.strip().lstrip("-") == check.key]
    persisted = kept[-1] if kept else "not persisted"
    if not own_kernel or not check.holds(persisted):
        return persisted
    runtime: str = host.check_output(f"cat /proc/sys/{check.key.replace('.', '/')}")
    return runtime


def _module(host: Any, check: Check, own_kernel: bool) -> str:
    lines = host.run(
        f"modprobe --showconfig | grep -E '^(install|blacklist) {check.key.replace('-', '[-_]')}'"
    ).stdout
    loaded = own_kernel and host.file(f"/sys/module/{check.key.replace('-', '_')}").exists
    return "blocked" if "install" in lines and "blacklist" in lines and not loaded else "loadable"


def _file(host: Any, check: Check, own_kernel: bool) -> str | None:
    found = host.run(f"stat -c '%a %U %G' {check.key} && sha256sum < {check.key}")
    return " ".join(found.stdout.split()[:4]) if found.rc == 0 else None


def _mode(host: Any, check: Check, own_kernel: bool) -> str | None:
    """Of the files that a pattern stands for, the first that is not as wanted."""
    listed = host.run(f"stat -c '%a %U %G' {check.key}").stdout.splitlines()
    return next((each for each in listed if not check.holds(each)), listed[0] if listed else None)


def _unit(host: Any, check: Check, own_kernel: bool) -> str:
    if check.key == "ufw":
        return "active" if "ENABLED=yes" in host.run("cat /etc/ufw/ufw.conf").stdout else "off"
    name = check.key if "." in check.key else f"{check.key}.service"
    runs = host.run(f"systemctl is-active {name}").stdout.strip() in ("active", "activating")
    starts = host.run(f"systemctl is-enabled {name}").stdout.strip().startswith(("enabled", "static"))
    return {(True, True): "active", (False, False): "off"}.get((runs, starts), "half")


def _package(host: Any, check: Check, own_kernel: bool) -> str:
    return "installed" if host.package(check.key).is_installed else "absent"


def _mount(host: Any, check: Check, own_kernel: bool) -> str:
    return ",".join(host.mount_point(check.key).options)


def _line(host: Any, check: Check, own_kernel: bool) -> str:
    path, key = check.key.split()
    return str(host.run(f"grep -E '^{key}[[:space:]]' {path} | tail -n 1").stdout.split()[-1])


def _firewall(host: Any, check: Check, own_kernel: bool) -> str:
    """The loaded table is what the rules make of an empty network namespace."""
    loaded = host.run("nft -s list table inet skerry").stdout
    wanted = host.run(f"unshare --net sh -c 'nft -f {RULES} && nft -s list table inet skerry'").stdout
    same = hashlib.sha256(loaded.encode()).digest() == hashlib.sha256(wanted.encode()).digest()
    return "as written" if same and "hook input priority" in loaded and "policy drop" in loaded else "differs"


def _k3s(host: Any, check: Check, own_kernel: bool) -> str | None:
    config = yaml.safe_load(host.file("/etc/rancher/k3s/config.yaml").content_string)
    flag, _, name = check.key.partition(" ")
    if not name:
        return str(config.get(flag)).lower() if flag in config else None
    values = [each.partition("=")[2] for each in config.get(flag) or [] if each.startswith(f"{name}=")]
    return values[-1] if values else None


READINGS: dict[str, Callable[[Any, Check, bool], str | None]] = {
    "sshd": _sshd, "hostkeys": _host_keys, "sysctl": _sysctl, "module": _module, "file": _file, "mode": _mode,
    "unit": _unit, "package": _package, "mount": _mount, "line": _line, "firewall": _firewall, "k3s": _k3s,
}  # fmt: skip
