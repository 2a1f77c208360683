"""A lab's processes, found by their mark: no pid file can be stale, no stranger can be hit."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from skerry.lab import cgroup
from skerry.lab.command import as_root, run
from skerry.lab.host import LabError
from skerry.local.waiting import until

_PROC = Path("/proc")
# Which programs carry the mark as an argument of their own.
_RUNNERS = ("qemu-system-x86_64", "systemd-nspawn")
_PROGRAMS = (*_RUNNERS, "env", "setsid", "sh", "sudo", "unshare")


def main(machine: str) -> int | None:
    """The process that runs this machine: its emulator or container manager, between two boots its launcher."""
    marked = {pid: args for pid, args in _commands() if is_marked(args, machine)}
    runners = {pid for pid, args in marked.items() if Path(args[0]).name in _RUNNERS} or set(marked)
    return min((pid for pid in runners if _parent(pid) not in runners), default=None)  # no fork of it


def all_of(machine: str) -> set[int]:
    """Every process of a machine: who runs it, and who is in its cgroup."""
    found = {pid for pid, args in _commands() if is_marked(args, machine)}
    return found | {pid for pid in _pids() if in_cgroup(_read(pid, "cgroup"), machine)}


def machines(mark: str) -> set[str]:
    """Machines of a lab that run now, whether or not there is a record of them."""
    words = (word for _, args in _commands() for word in args if is_marked(args, _machine(word)))
    return {machine for word in words if (machine := _machine(word)).startswith(f"{mark}-")}


def kill(machine: str) -> None:
    """Kill every process of a machine at once, as a power cut would; LabError if one stays."""

    def gone() -> bool:
        left = all_of(machine)
        if left:
            _signal(left)
        return not left

    if not until(gone, seconds=20):
        raise LabError(f"{machine} does not end: processes {sorted(all_of(machine))} stay after SIGKILL")


def cut_power(machine: str) -> None:
    """End every process of a machine and remove its cgroups."""
    kill(machine)
    until(lambda: not cgroup.remove(machine), seconds=10)


def is_marked(args: list[str], machine: str) -> bool:
    """Whether a command line is that of a machine: `-name MACHINE` or `--machine=MACHINE`."""
    if not machine or not args or Path(args[0]).name not in _PROGRAMS:
        return False
    return f"--machine={machine}" in args or ("-name", machine) in pairwise(args)


def in_cgroup(content: bytes, machine: str) -> bool:
    """Whether /proc/PID/cgroup names the machine's own group, or its scope under systemd."""
    unescaped = content.decode(errors="replace").replace("\\x2d", "-")
    groups = (part for line in unescaped.splitlines() for part in line.split(":", 2)[-1].split("/"))
    return any(part in (machine, f"machine-{machine}.scope") for part in groups)


def _machine(word: str) -> str:
    return word.removeprefix("--machine=")


def _signal(pids: Iterable[int]) -> None:
    run(as_root(["kill", "-KILL", *map(str, sorted(pids))]), check=False)


def _commands() -> list[tuple[int, list[str]]]:
    found = []
    for pid in _pids():
        args = _read(pid, "cmdline").decode(errors="replace").split("\0")[:-1]
        found.append((pid, args))
    return found


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir(_PROC) if entry.isdigit() and int(entry) != os.getpid()]  # noqa: PTH208


def _parent(pid: int) -> int:
    after_name = _read(pid, "stat").rpartition(b")")[2].split()
    return int(after_name[1]) if after_name else 0


def _read(pid: int, file: str) -> bytes:
    try:
        return (_PROC / str(pid) / file).read_bytes()
    except OSError:  # it has ended meanwhile
        return b""
