"""The fact from which the hardening phases and the audit decide."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from skerry.facts.script import ScriptFact, file_states
from skerry.model.fact_output import sections
from skerry.model.hardening.control import CheckId, Kind
from skerry.model.hardening.sshd import HostKey
from skerry.model.preparation.host_facts import CONTAINERS


@dataclass(frozen=True)
class HardeningState:
    """The values that controls check, and what the phases need to know to change them.

    `values`: by kind and key, as the controls name them. `files`: mode, owner and checksum (`File.state`) by path.
    `backed_up`: what has a backup, as "file PATH". `armed`: name of a change that the guard rolls back unless it is
    confirmed, "" if none. `include`: sshd_config begins with `Include /etc/ssh/sshd_config.d/*.conf`. `homes`: home
    folders of the settings' users that exist. `inapplicable`: checks, or whole kinds of checks, that make no sense on
    this host, each with the reason. `own_kernel`: False in a container.
    """

    values: dict[CheckId, str]
    files: dict[str, str]
    backed_up: frozenset[str]
    armed: str
    openssh: tuple[int, int]
    include: bool
    host_keys: tuple[HostKey, ...]
    ssh_ports: tuple[int, ...]
    homes: dict[str, str]
    inapplicable: dict[Kind | CheckId, str]
    own_kernel: bool


class Hardening(ScriptFact[HardeningState]):
    """The state of a host's hardening. `values`: what to read, each "kind key"."""

    script = "hardening"

    def command(self, values: list[str]) -> str:
        return self.run("\n".join(values))

    def process(self, output: list[str]) -> HardeningState:
        return parse(output)


def parse(output: Iterable[str]) -> HardeningState:
    """Read the output of hardening.sh. Raises KeyError or ValueError if the output is incomplete or malformed."""
    section = sections(output)
    files = file_states(section["files"])
    host_keys = tuple(_host_key(line) for line in section["hostkeys"])
    weak = sorted({key.type for key in host_keys if not key.strong})
    own_kernel = not CONTAINERS & set(section["virtualisation"])
    values: dict[CheckId, str] = {("file", path): state for path, state in files.items()}
    for kind in ("sshd", "sysctl", "module", "mode", "mount"):
        lines = section[kind if kind == "sshd" else f"{kind}s"]
        values |= {(kind, key): value.strip() for key, _, value in (line.partition(" ") for line in lines)}
    values["hostkeys", "weak"] = ",".join(weak) or "none"
    values |= {("package", line.split()[0]): "installed" for line in section["packages"]}
    # The key is a line of a file and may contain spaces: the value is the last word.
    values |= {("line", key): value for key, _, value in (line.rpartition(" ") for line in section["lines"])}
    values |= _units(section["units"], ufw=bool(section["ufw"]))
    values["firewall", "table inet skerry"] = "".join(section["firewall"])
    values |= _k3s(section["k3s"])
    return HardeningState(
        values=values,
        files=files,
        backed_up=frozenset(section["kept"]),
        armed="".join(section["armed"]),
        openssh=_openssh("".join(section["openssh"][:1])),
        include=section["include"] == ["include /etc/ssh/sshd_config.d/*.conf"],
        host_keys=host_keys,
        ssh_ports=tuple(sorted(int(port) for port in section["sshports"])),
        homes=dict(line.split(" ", 1) for line in section["users"]),
        inapplicable=_inapplicable(own_kernel, has_k3s=bool(section["k3s"])),
        own_kernel=own_kernel,
    )


def _openssh(text: str) -> tuple[int, int]:
    """(8, 2) from "OpenSSH_8.2"; (0, 0) for a host without OpenSSH."""
    match = re.match(r"OpenSSH_([0-9]+)\.([0-9]+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _host_key(line: str) -> HostKey:
    path, type, bits = line.split()
    return HostKey(path, type, int(bits))


def _units(lines: Iterable[str], ufw: bool) -> dict[CheckId, str]:
    """The state of each unit, from blocks of "Property=value" lines."""
    values: dict[CheckId, str] = {}
    for block in "\n".join(lines).split("\n\n"):
        unit = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" in unit:
            values["unit", unit["Id"].removesuffix(".service")] = _unit_state(unit, ufw)
    return values


def _unit_state(unit: dict[str, str], ufw: bool) -> str:
    """One of "active" (runs and starts at boot), "off" (neither), "started" (runs only), "stopped" (starts only)."""
    if unit["Id"] == "ufw.service":
        # On Ubuntu, systemd always shows ufw as enabled and active, even if ufw filters nothing.
        return "active" if ufw else "off"
    runs = unit.get("ActiveState") in ("active", "activating", "reloading")
    enablement = unit.get("UnitFileState")
    # A static unit cannot be enabled: what starts it is another unit.
    if enablement == "static":
        return "active" if runs else "off"
    starts = enablement in ("enabled", "enabled-runtime", "indirect", "alias")
    if runs:
        return "active" if starts else "started"
    return "stopped" if starts else "off"


def _k3s(lines: list[str]) -> dict[CheckId, str]:
    """The values in config.yaml by key. Each item of a list has a key of its own, such as "kubelet-arg max-pods"."""
    config: Any = yaml.safe_load("\n".join(lines)) or {}
    values: dict[CheckId, str] = {}
    for key, value in config.items():
        if isinstance(value, list):
            arguments = [str(argument).partition("=") for argument in value]
            values |= {("k3s", f"{key} {name}"): setting for name, _, setting in arguments}
        else:
            values["k3s", key] = str(value).lower()
    return values


def _inapplicable(own_kernel: bool, has_k3s: bool) -> dict[Kind | CheckId, str]:
    reasons: dict[Kind | CheckId, str] = {}
    if not own_kernel:
        # auditd's package cannot be installed where the kernel has no audit support, as in a container.
        checks: list[Kind | CheckId] = ["sysctl", "module", "mount", ("package", "auditd")]
        checks += [("unit", name) for name in ("auditd", "apparmor", "skerry-shm")]
        reasons |= dict.fromkeys(checks, "a container's kernel is the machine's")
    if not has_k3s:
        reasons["k3s"] = "K3s is not installed"
    return reasons
