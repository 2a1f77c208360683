"""All commands of the binary, selected by the first argument or by the name under which it is called."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import NoReturn

from . import VERSION

USAGE = """\
NAME:
   k3s - Kubernetes, but small and simple (stand-in: nothing runs here, see the docstring of k3s_standin)

COMMANDS:
   server, agent, kubectl, crictl, ctr, check-config, etcd-snapshot

GLOBAL OPTIONS:
   --help, -h     show help
   --version, -v  print the version
"""


def main(argv: list[str]) -> int:
    """Run one command. Returns its exit code."""
    called = argv[0].rsplit("/", 1)[-1]
    command, arguments = (argv[1] if len(argv) > 1 else "--help"), argv[2:]
    if called in ("kubectl", "crictl", "ctr"):
        command, arguments = called, argv[1:]
    if command in ("--version", "-v", "-version"):
        print(f"k3s version {VERSION} (stand-in)\ngo version none")
        return 0
    if command in ("--help", "-h", "help"):
        print(USAGE, end="")
        return 0
    if command == "kubectl":
        from . import kubectl

        return kubectl.run(arguments)
    return _other(command, arguments)


def _other(command: str, arguments: list[str]) -> int:
    if command in ("crictl", "ctr"):
        print("stand-in has no containers", file=sys.stderr)
        return 1
    if command == "check-config":
        return _check_config()
    if command == "etcd-snapshot":
        from . import snapshots

        return snapshots.run(arguments)
    if command not in ("server", "agent"):
        print(f"No help topic for '{command}' (stand-in)", file=sys.stderr)
        return 3
    return _serve(command, arguments)


def _serve(command: str, arguments: list[str]) -> NoReturn:
    for number in (signal.SIGTERM, signal.SIGINT):
        # Files are written atomically, so nothing has to be finished.
        signal.signal(number, lambda *_: os._exit(0))
    with contextlib.suppress(OSError), open("/proc/self/comm", "w", encoding="ascii") as comm:  # noqa: PTH123
        comm.write(f"k3s-{command}")
    from . import agent, server

    if command == "server":
        server.run(arguments)
    agent.run(arguments)


def _check_config() -> int:
    """Check the cgroup hierarchy, and say that the rest of the real check is missing."""
    unified = os.path.exists("/sys/fs/cgroup/cgroup.controllers")  # noqa: PTH110 - pathlib costs 10 ms
    print("- binaries, kernel options, firewall: not looked at by the stand-in")
    print(
        f"- cgroup hierarchy: cgroups {'V2' if unified else 'V1 or Hybrid'} mounted, cpu|memory not looked at"
    )
    print("STATUS: pass (stand-in)")
    return 0
