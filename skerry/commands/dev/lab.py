"""`invoke lab-…`: throw-away hosts on this machine."""

from __future__ import annotations

import os

from skerry import lab


def up(count: int, backend: str) -> None:
    """Boot `count` hosts and print how to reach them."""
    for host in lab.up(count, backend):
        print(f"{host.name}: {host.address} port {host.port} ({host.backend})")
    print("Next: invoke up inventories/lab.py")


def down(images: bool) -> None:
    """Stop all hosts and delete their files; with `images` the cached images, too."""
    lab.down(images=images)


def show() -> None:
    """Print a line for each host."""
    for host in lab.hosts():
        print(f"{host.name}: {host.state}, {host.address} port {host.port} ({host.backend})")


def open_shell(name: str) -> None:
    """Replace this process by SSH to the host."""
    command = lab.ssh_command(name)
    os.execvp(command[0], command)  # noqa: S606  no shell here: SSH takes over this terminal


def reset(name: str) -> None:
    """Reset a host to its state after the first boot."""
    lab.reset(name)
