"""The network of nspawn hosts: one bridge with a private subnet, masqueraded to the outside."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from skerry.lab.command import as_root, run, which
from skerry.lab.folder import LabFolder
from skerry.lab.host import LabError
from skerry.lab.programs import require

_RANGE = "10.213"  # one /24 of it per lab
_SYS = Path("/proc/sys")
# The kernel's default of 128 inotify instances is exhausted at about 20 hosts.
_SYSCTLS = {"net/ipv4/ip_forward": 1, "fs/inotify/max_user_instances": 8192}


def address(lab: LabFolder, index: int) -> str:
    """The address of the host with this index. The first call reserves the lab's subnet."""
    return f"{_RANGE}.{_subnet(lab)}.{index + 10}"


def gateway(lab: LabFolder) -> str:
    """This machine's address in the lab's subnet."""
    return f"{_RANGE}.{_subnet(lab)}.1"


def up(lab: LabFolder) -> None:
    """Set up what is missing of bridge, masquerading and kernel limits."""
    require("ip", "iptables")
    bridge = lab.resource_prefix
    if not _interface(bridge).exists():
        run(as_root(["ip", "link", "add", bridge, "type", "bridge"]))
        run(as_root(["ip", "address", "add", f"{gateway(lab)}/24", "dev", bridge]))
    run(as_root(["ip", "link", "set", bridge, "up"]))
    for table, rule in _rules(lab):
        if run(_iptables(table, "-C", rule), check=False).returncode:
            run(_iptables(table, "-I", rule))
    _raise_limits(lab)


def down(lab: LabFolder) -> None:
    """Remove the lab's network, and restore the kernel limits unless another lab needs them."""
    links = [path.name for path in _interface("").iterdir()]
    ours = [link for link in links if belongs_to_lab(link, lab.resource_prefix)]
    for link in ours:
        run(as_root(["ip", "link", "delete", link]), check=False)  # a veth may vanish with its host meanwhile
    state = lab.root / "network.json"
    if which("iptables") and (ours or state.exists()):
        _remove_rules(lab)
    _restore_limits(lab)
    state.unlink(missing_ok=True)


def connect(lab: LabFolder, machine: str, connected: bool) -> None:
    """Attach a host's interface to the bridge, or detach it. Inside the host the link stays up."""
    link = f"vb-{machine}"
    if not _interface(link).exists():
        raise LabError(f"{machine} has no network interface on this machine; is it running?")
    run(
        as_root(
            ["ip", "link", "set", link, *(["master", lab.resource_prefix] if connected else ["nomaster"])]
        )
    )


def belongs_to_lab(link: str, resource_prefix: str) -> bool:
    """Whether an interface is the lab's bridge or the outer end of a host's veth pair."""
    return link == resource_prefix or link.startswith(f"vb-{resource_prefix}-")


def nameservers() -> str:
    """Returns the hosts' resolv.conf: this machine's servers but those on loopback. Raises LabError if none is left."""
    for name in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"):
        if Path(name).exists():
            lines = [line for line in Path(name).read_text().splitlines() if line.startswith("nameserver")]
            usable = [line for line in lines if not line.split()[1].startswith(("127.", "::1"))]
            if usable:
                return "\n".join(usable) + "\n"
    raise LabError("this machine's resolv.conf names no server that lab hosts can reach; add one")


def uplink_mtu() -> int:
    """Returns the MTU of this machine's default route; 1500 if there is none."""
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        name, destination = line.split()[:2]
        if destination == "00000000":
            return int((_interface(name) / "mtu").read_text())
    return 1500


def free_subnet(first: int, routes: str) -> int:
    """The first third octet, from `first` on, whose subnet has no route in /proc/net/route."""
    taken = {line.split()[1] for line in routes.splitlines()[1:]}
    for step in range(256):
        octet = (first + step) % 256
        # The kernel writes 10.213.OCTET.0 in hexadecimal, with the last byte first.
        if not any(entry.endswith(f"{octet:02X}D50A") for entry in taken):
            return octet
    raise LabError(f"no free /24 in {_RANGE}.0.0/16; take down another lab")


def _subnet(lab: LabFolder) -> int:
    state = _state(lab)
    if "subnet" not in state:
        routes = Path("/proc/net/route").read_text()
        state["subnet"] = free_subnet(lab.number % 256, routes)
        _save(lab, state)
    return int(state["subnet"])


def _rules(lab: LabFolder) -> list[tuple[str, list[str]]]:
    subnet = f"{_RANGE}.{_subnet(lab)}.0/24"
    comment = ["-m", "comment", "--comment", lab.resource_prefix]
    return [
        ("nat", ["POSTROUTING", "-s", subnet, "!", "-d", subnet, *comment, "-j", "MASQUERADE"]),
        ("filter", ["FORWARD", "-i", lab.resource_prefix, *comment, "-j", "ACCEPT"]),
        ("filter", ["FORWARD", "-o", lab.resource_prefix, *comment, "-j", "ACCEPT"]),
    ]


def _remove_rules(lab: LabFolder) -> None:
    for table in ("nat", "filter"):
        for line in run(as_root(["iptables", "-w", "-t", table, "-S"])).stdout.splitlines():
            words = line.split()
            if words[0] == "-A" and lab.resource_prefix in words:
                run(_iptables(table, "-D", words[1:]))


def _iptables(table: str, action: str, rule: Iterable[str]) -> list[str]:
    return as_root(["iptables", "-w", "-t", table, action, *rule])


def _raise_limits(lab: LabFolder) -> None:
    state = _state(lab)
    before: dict[str, int] = state.setdefault("sysctls", {})
    for name, minimum in _SYSCTLS.items():
        value = int((_SYS / name).read_text())
        if value < minimum:
            before.setdefault(name, value)
            _save(lab, state)
            _set(name, minimum)


def _restore_limits(lab: LabFolder) -> None:
    others = any(path.name.startswith(lab.resource_prefix[:-3]) for path in _interface("").iterdir())
    if others:
        return  # another lab still needs them
    for name, value in _state(lab).get("sysctls", {}).items():
        _set(name, value)


def _set(name: str, value: int) -> None:
    run(as_root(["tee", str(_SYS / name)]), stdin=f"{value}\n")


def _state(lab: LabFolder) -> dict[str, Any]:
    path = lab.root / "network.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _save(lab: LabFolder, state: dict[str, Any]) -> None:
    lab.root.mkdir(parents=True, exist_ok=True)
    (lab.root / "network.json").write_text(json.dumps(state))


def _interface(name: str) -> Path:
    return Path("/sys/class/net") / name
