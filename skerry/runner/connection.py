"""Connections to the hosts, and what the user can do if a connection fails."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

from pyinfra import logger
from pyinfra.api import State
from pyinfra.api.connect import connect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.state import BaseStateCallback


class _Failures(BaseStateCallback):
    """Collects why hosts could not be reached."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def host_connect_error(self, state: Any, host: Any, error: Any) -> None:  # type: ignore[override]
        self.reasons.setdefault(host.name, str(error))


class ConnectionHelp(BaseStateCallback):
    """Prints what to do about a host that could not be reached, after pyinfra's own message."""

    def __init__(self, inventory: Path) -> None:
        self._inventory = inventory

    def host_connect_error(self, state: Any, host: Any, error: Any) -> None:  # type: ignore[override]
        print(f"    {host.name}: {explain(str(error), host.data, self._inventory)}", file=sys.stderr)


def connect(state: State, inventory: Path) -> list[str]:
    """Connect to every host. Returns a line for each problem, what is wrong and what to do; [] if none."""
    failures = _Failures()
    state.add_callback_handler(failures)
    # pyinfra would report the same errors without a remedy.
    logger.setLevel(logging.CRITICAL)
    try:
        connect_all(state)
    except PyinfraError as error:
        # Not a host's error, but a key file that is missing, for example.
        if not failures.reasons:
            return [f"{error}; no host was changed"]
    finally:
        logger.setLevel(logging.WARNING)
    return [
        f"{name}: {explain(reason, state.inventory.get_host(name).data, inventory)}; no host was changed"
        for name, reason in failures.reasons.items()
    ] or _sudo_problems(state)


def explain(reason: str, data: Any, inventory: Path) -> str:
    """Returns pyinfra's reason for a failed connection in plain words, with the remedy."""
    endpoint = f"{data.get('ssh_hostname') or 'the host'} port {data.get('ssh_port') or 22}"
    known_hosts = data.get("ssh_known_hosts_file")
    if "StrictPolicy" in reason:
        return f"the host key of {endpoint} is not in {known_hosts} yet; run `invoke trust {inventory}`"
    if "host key" in reason:
        return f"{endpoint} shows another host key than the one in {known_hosts}; find out why before you remove that"
    if "Authentication" in reason:
        key = data.get("ssh_key") or "any key of yours"
        return f"{data.get('ssh_user')} at {endpoint} does not accept {key}; see ssh_user and ssh_key"
    return f"{endpoint} cannot be reached: {reason}; see ssh_hostname and ssh_port"


def _sudo_problems(state: State) -> list[str]:
    """Returns a line for each host whose sudo asks for a password: pyinfra would wait for one at the terminal."""

    def sudo_works(host: Any) -> bool:
        _, stdout, _ = host.connector.client.exec_command("sudo -n true")
        return bool(stdout.channel.recv_exit_status() == 0)

    hosts = [host for host in state.inventory.get_active_hosts() if host.data.get("_sudo")]
    works = dict(zip(hosts, state.pool.map(sudo_works, hosts), strict=True))
    return [
        f"{host.name}: {user} may not use sudo without a password; add `{user} ALL=(ALL) NOPASSWD:ALL` "
        "in /etc/sudoers.d, or connect as root; no host was changed"
        for host in hosts
        for user in [host.data.get("ssh_user")]
        if not works[host]
    ]
