"""The nspawn hosts' network: one bridge with a private range, masqueraded to the outside."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from skerry.lab import tools
from skerry.lab.command import as_root, run, which
from skerry.lab.host import LabError
from skerry.lab.place import Place

_RANGE = "10.213"  # one /24 of it per lab
_SYS = Path("/proc/sys")
_SYSCTLS = {
    "net/ipv4/ip_forward": 1,
    "fs/inotify/max_user_instances": 8192,
}  # 128 would end at about 20 hosts


def address(place: Place, index: int) -> str:
    """The address of host number `index`; reserves the lab's range at first use."""
    return f"{_RANGE}.{_subnet(place)}.{index + 10}"


def gateway(place: Place) -> str:
    """This machine's address in the lab's range."""
    return f"{_RANGE}.{_subnet(place)}.1"


def up(place: Place) -> None:
    """Bridge, masquerading and limits are there; does nothing if they already are."""
    tools.need("ip", "iptables")
    bridge = place.mark
    if not _interface(bridge).exists():
        run(as_root(["ip", "link", "add", bridge, "type", "bridge"]))
        run(as_root(["ip", "address", "add", f"{gateway(place)}/24", "dev", bridge]))
    run(as_root(["ip", "link", "set", bridge, "up"]))
    for table, rule in _rules(place):
        if run(_iptables(table, "-C", rule), check=False).returncode:
            run(_iptables(table, "-I", rule))
    _raise_limits(place)


def down(place: Place) -> None:
    """Nothing of the lab's network is left; does nothing if nothing is."""
    links = [path.name for path in _interface("").iterdir() if is_ours(path.name, place.mark)]
    for link in links:
        run(as_root(["ip", "link", "delete", link]), check=False)  # a veth may go with its host meanwhile
    state = place.root / "network.json"
    if which("iptables") and (links or state.exists()):
        _remove_rules(place)
    _restore_limits(place)
    state.unlink(missing_ok=True)


def connect(place: Place, machine: str, connected: bool) -> None:
    """Put a host's cable into the bridge, or pull it; the host itself sees its link up either way."""
    link = f"vb-{machine}"
    if not _interface(link).exists():
        raise LabError(f"{machine} has no network interface on this machine; is it running?")
    run(as_root(["ip", "link", "set", link, *(["master", place.mark] if connected else ["nomaster"])]))


def is_ours(link: str, mark: str) -> bool:
    """Whether an interface is the lab's bridge or a host's end of a cable."""
    return link == mark or link.startswith(f"vb-{mark}-")


def nameservers() -> str:
    """resolv.conf for hosts: the machine's own, but not the stub that only answers on its loopback."""
    for name in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"):
        if Path(name).exists():
            lines = [line for line in Path(name).read_text().splitlines() if line.startswith("nameserver")]
            usable = [line for line in lines if not line.split()[1].startswith(("127.", "::1"))]
            if usable:
                return "\n".join(usable) + "\n"
    raise LabError("this machine's resolv.conf names no server that lab hosts could reach")


def uplink_mtu() -> int:
    """The packet size that gets out of this machine unfragmented."""
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        name, destination = line.split()[:2]
        if destination == "00000000":
            return int((_interface(name) / "mtu").read_text())
    return 1500


def free_subnet(first: int, routes: str) -> int:
    """The first third octet from `first` on that no route of /proc/net/route touches."""
    taken = {line.split()[1] for line in routes.splitlines()[1:]}
    for step in range(256):
        octet = (first + step) % 256
        if not any(entry.endswith(f"{octet:02X}D50A") for entry in taken):
            return octet
    raise LabError(f"no free /24 in {_RANGE}.0.0/16; take down another lab")


def _subnet(place: Place) -> int:
    state = _state(place)
    if "subnet" not in state:
        routes = Path("/proc/net/route").read_text()
        state["subnet"] = free_subnet(place.number % 256, routes)
        _save(place, state)
    return int(state["subnet"])


def _rules(place: Place) -> list[tuple[str, list[str]]]:
    subnet = f"{_RANGE}.{_subnet(place)}.0/24"
    comment = ["-m", "comment", "--comment", place.mark]
    return [
        ("nat", ["POSTROUTING", "-s", subnet, "!", "-d", subnet, *comment, "-j", "MASQUERADE"]),
        ("filter", ["FORWARD", "-i", place.mark, *comment, "-j", "ACCEPT"]),
        ("filter", ["FORWARD", "-o", place.mark, *comment, "-j", "ACCEPT"]),
    ]


def _remove_rules(place: Place) -> None:
    for table in ("nat", "filter"):
        for line in run(as_root(["iptables", "-w", "-t", table, "-S"])).stdout.splitlines():
            words = line.split()
            if words[0] == "-A" and place.mark in words:
                run(_iptables(table, "-D", words[1:]))


def _iptables(table: str, action: str, rule: Iterable[str]) -> list[str]:
    return as_root(["iptables", "-w", "-t", table, action, *rule])


def _raise_limits(place: Place) -> None:
    state = _state(place)
    before: dict[str, int] = state.setdefault("sysctls", {})
    for name, wanted in _SYSCTLS.items():
        value = int((_SYS / name).read_text())
        if value < wanted:
            before.setdefault(name, value)
            _save(place, state)
            _set(name, wanted)


def _restore_limits(place: Place) -> None:
    others = any(path.name.startswith(place.mark[:-3]) for path in _interface("").iterdir())
    if others:
        return  # another lab still lives by them
    for name, value in _state(place).get("sysctls", {}).items():
        _set(name, value)


def _set(name: str, value: int) -> None:
    run(as_root(["tee", str(_SYS / name)]), stdin=f"{value}\n")


def _state(place: Place) -> dict:  # type: ignore[type-arg]
    file = place.root / "network.json"
    return json.loads(file.read_text()) if file.exists() else {}


def _save(place: Place, state: dict) -> None:  # type: ignore[type-arg]
    place.root.mkdir(parents=True, exist_ok=True)
    (place.root / "network.json").write_text(json.dumps(state))


def _interface(name: str) -> Path:
    return Path("/sys/class/net") / name
