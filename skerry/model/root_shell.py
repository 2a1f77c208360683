"""Commands that run as root on a host, whichever user logs in."""

from __future__ import annotations

import shlex


def as_root(command: str, sudo: bool) -> str:
    """Returns the command, through `sudo -n` if the login (setting `_sudo`) needs it."""
    return f"sudo -n {command}" if sudo else command


def root_shell(script: str, sudo: bool) -> str:
    """Returns a command that runs `script` in one root shell."""
    return as_root(f"sh -c {shlex.quote(script)}", sudo)
