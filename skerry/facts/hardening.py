"""Everything the hardening phases and the audit decide from, in one read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from skerry.facts.script import ScriptFact, file_states
from skerry.model.fact_output import sections
from skerry.model.hardening.control import Kind, Place
from skerry.model.hardening.sshd import HostKey
from skerry.model.preparation.host_facts import CONTAINERS


@dataclass(frozen=True)
class Account:
    """A user of the host, as in passwd(5)."""

    uid: int
    gid: int
    home: str


@dataclass(frozen=True)
class HardeningState:
    """A host as found. `found`: the checks' values; `backed_up`: places whose former state is on record, "file PATH".

    `armed`: the name of a change that waits for its proof, "" without one.
    """

    found: dict[Place, str]
    files: dict[str, str]
    backed_up: frozenset[str]
    armed: str
    openssh: tuple[int, int]
    include: bool
    host_keys: tuple[HostKey, ...]
    ssh_ports: tuple[int, ...]
    accounts: dict[str, Account]
    inapplicable: dict[Kind | Place, str]
    own_kernel: bool


class Hardening(ScriptFact[HardeningState]):
    """The state of every one of `places`, "kind key"."""

    script = "hardening"

    def command(self, places: list[str]) -> str:
        return self.run("\n".join(places))

    def process(self, output: list[str]) -> HardeningState:
        return parse(output)


def parse(output: Iterable[str]) -> HardeningState:
    """The state from the script's lines. Raises KeyError when they were cut short."""
    raw = sections(output)
    files = file_states(raw["files"])
    host_keys = tuple(_host_key(line) for line in raw["hostkeys"])
    found: dict[Place, str] = {("file", path): state for path, state in files.items()}
    found |= {("sshd", key): value for key, _, value in (line.partition(" ") for line in raw["sshd"])}
    weak = sorted({key.type for key in host_keys if not key.strong})
    found["hostkeys", "weak"] = ",".join(weak) or "none"
    for kind, section in (
        ("sysctl", "sysctls"),
        ("module", "modules"),
        ("mode", "modes"),
        ("mount", "mounts"),
    ):
        found |= {
            (kind, key): value.strip() for key, _, value in (line.partition(" ") for line in raw[section])
        }
    found |= {("package", line.split()[0]): "installed" for line in raw["packages"]}
    found |= {("line", key): value for key, _, value in (line.rpartition(" ") for line in raw["lines"])}
    found |= _units(raw["units"], ufw=bool(raw["ufw"]))
    found["firewall", "table inet skerry"] = "".join(raw["firewall"])
    found |= _k3s(raw["k3s"])
    own_kernel = not CONTAINERS & set(raw["virtualisation"])
    return HardeningState(
        found=found,
        files=files,
        backed_up=frozenset(raw["kept"]),
        armed="".join(raw["armed"]),
        openssh=_openssh("".join(raw["openssh"][:1])),
        include=raw["include"] == ["include /etc/ssh/sshd_config.d/*.conf"],
        host_keys=host_keys,
        ssh_ports=tuple(sorted(int(port) for port in raw["sshports"])),
        accounts={name: _account(rest) for name, *rest in (line.split(" ", 3) for line in raw["users"])},
        inapplicable=_inapplicable(raw, own_kernel),
        own_kernel=own_kernel,
    )


def _openssh(text: str) -> tuple[int, int]:
    """From "OpenSSH_8.2"; (0, 0) for a host without."""
    match = re.match(r"OpenSSH_([0-9]+)\.([0-9]+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _host_key(line: str) -> HostKey:
    path, type, bits = line.split()
    return HostKey(path, type, int(bits))


def _account(fields: list[str]) -> Account:
    return Account(int(fields[0]), int(fields[1]), fields[2])


def _units(lines: Iterable[str], ufw: bool) -> dict[Place, str]:
    """ "active": runs and starts at boot; "off": neither; "stopped" or "started" for what is only half of it."""
    found: dict[Place, str] = {}
    for block in "\n".join(lines).split("\n\n"):
        unit = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" not in unit:
            continue
        runs = unit.get("ActiveState") in ("active", "activating", "reloading")
        starts = unit.get("UnitFileState") in ("enabled", "enabled-runtime", "static", "indirect", "alias")
        if unit["Id"] == "ufw.service":  # enabled and active on every Ubuntu, also when it filters nothing
            runs = starts = ufw
        names = {
            (True, True): "active",
            (False, False): "off",
            (True, False): "started",
            (False, True): "stopped",
        }
        if unit.get("UnitFileState") == "static" and not runs:
            runs = starts = False
        found["unit", unit["Id"].removesuffix(".service")] = names[runs, starts]
    return found


def _k3s(lines: list[str]) -> dict[Place, str]:
    """The keys of config.yaml; a component's argument is "kubelet-arg max-pods"."""
    config: Any = yaml.safe_load("\n".join(lines)) or {}
    found: dict[Place, str] = {}
    for key, value in config.items():
        if isinstance(value, list):
            found |= {
                ("k3s", f"{key} {str(each).partition('=')[0]}"): str(each).partition("=")[2] for each in value
            }
        else:
            found["k3s", key] = str(value).lower()
    return found


def _inapplicable(raw: dict[str, list[str]], own_kernel: bool) -> dict[Kind | Place, str]:
    reasons: dict[Kind | Place, str] = {}
    if not own_kernel:
        why = "a container's kernel is the machine's"
        for kind in ("sysctl", "module", "mount"):
            reasons[kind] = why
        for name in ("auditd", "apparmor", "skerry-shm"):
            reasons["unit", name] = why
        reasons["package", "auditd"] = why  # its package cannot even be installed without the kernel's part
    if not raw["k3s"]:
        reasons["k3s"] = "K3s is not installed"
    return reasons
