"""A lab's processes, found by machine name in their arguments or cgroup: no pid file that could be stale."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from skerry.lab import host_cgroups
from skerry.lab.command import as_root, run
from skerry.lab.host import LabError
from skerry.local.waiting import until

_PROC = Path("/proc")
_RUNNERS = ("qemu-system-x86_64", "systemd-nspawn")
# The programs that get the machine name as an argument.
_PROGRAMS = (*_RUNNERS, "env", "setsid", "sh", "sudo", "unshare")


def main_pid(machine: str) -> int | None:
    """The process that runs the machine: qemu or systemd-nspawn, between two boots its launcher; None if stopped."""
    processes = {pid: args for pid, args in _command_lines() if names_machine(args, machine)}
    runners = {pid for pid, args in processes.items() if Path(args[0]).name in _RUNNERS} or set(processes)
    return min((pid for pid in runners if _parent(pid) not in runners), default=None)  # without its forks


def all_of(machine: str) -> set[int]:
    """Every process of a machine: those that run it and those in its cgroup."""
    outside = {pid for pid, args in _command_lines() if names_machine(args, machine)}
    return outside | {pid for pid in _pids() if in_cgroup(_read(pid, "cgroup"), machine)}


def machines(resource_prefix: str) -> set[str]:
    """The machine names of a lab's running hosts, whether or not they have a record."""
    words = (word for _, args in _command_lines() for word in args if names_machine(args, _machine(word)))
    return {machine for word in words if (machine := _machine(word)).startswith(f"{resource_prefix}-")}


def kill(machine: str) -> None:
    """Kill every process of a machine at once, like a power cut. Raises LabError if one remains."""

    def all_ended() -> bool:
        remaining = all_of(machine)
        if remaining:
            _kill(remaining)
        return not remaining

    if not until(all_ended, seconds=20):
        raise LabError(f"{machine} does not end: processes {sorted(all_of(machine))} remain after SIGKILL")


def cut_power(machine: str) -> None:
    """Kill every process of a machine and remove its cgroups, except those that are still in use after 10 s."""
    kill(machine)
    until(lambda: not host_cgroups.remove(machine), seconds=10)


def names_machine(args: list[str], machine: str) -> bool:
    """Whether a command line runs this machine: it has `-name MACHINE` or `--machine=MACHINE`."""
    if not machine or not args or Path(args[0]).name not in _PROGRAMS:
        return False
    return f"--machine={machine}" in args or ("-name", machine) in pairwise(args)


def in_cgroup(content: bytes, machine: str) -> bool:
    """Whether /proc/PID/cgroup names the machine's cgroup, or its scope under systemd."""
    unescaped = content.decode(errors="replace").replace("\\x2d", "-")
    groups = (part for line in unescaped.splitlines() for part in line.split(":", 2)[-1].split("/"))
    return any(part in (machine, f"machine-{machine}.scope") for part in groups)


def _machine(word: str) -> str:
    return word.removeprefix("--machine=")


def _kill(pids: Iterable[int]) -> None:
    run(as_root(["kill", "-KILL", *map(str, sorted(pids))]), check=False)


def _command_lines() -> list[tuple[int, list[str]]]:
    return [(pid, _read(pid, "cmdline").decode(errors="replace").split("\0")[:-1]) for pid in _pids()]


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir(_PROC) if entry.isdigit() and int(entry) != os.getpid()]  # noqa: PTH208


def _parent(pid: int) -> int:
    # A program's name stands in parentheses, and may contain some.
    after_name = _read(pid, "stat").rpartition(b")")[2].split()
    return int(after_name[1]) if after_name else 0


def _read(pid: int, file: str) -> bytes:
    try:
        return (_PROC / str(pid) / file).read_bytes()
    except OSError:  # the process has ended meanwhile
        return b""
