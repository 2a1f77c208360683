"""Fixtures of the acceptance checks. Each check runs for every host of the inventory given to `invoke verify`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from testinfra.host import Host

from skerry.checks.readings import commands
from skerry.checks.shell import Shell
from skerry.model.hardening import catalogue
from skerry.model.hardening.host_context import HostContext
from skerry.model.settings.settings import Settings, parse_settings

# How many hosts run their commands at the same time: the one that is checked and those after it.
CONCURRENT_HOSTS = 10
HOSTS: dict[str, dict[str, Any]] = json.loads(os.environ.get("SKERRY_VERIFY_HOSTS", "{}"))
SSH_CONFIG = os.environ.get("SKERRY_VERIFY_SSH", "")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", sorted(HOSTS), scope="session")


@pytest.fixture(scope="session")
def shell_of() -> Iterator[Callable[[str], Shell]]:
    """Yields shell_of(name): returns the root shell on a host. It also lets the next hosts run their commands."""
    names, shells = sorted(HOSTS), dict[str, Shell]()

    def shell_of(name: str) -> Shell:
        index = names.index(name)
        for host in names[index : index + CONCURRENT_HOSTS]:
            if host not in shells:
                shells[host] = Shell(host, SSH_CONFIG, HOSTS[host]["sudo"])
                if _settings(host).harden:
                    shells[host].submit(
                        command
                        for control in catalogue.controls(_host_context(host))
                        for check in control.checks
                        for command in commands(check)
                    )
        return shells[name]

    yield shell_of
    for shell in shells.values():
        shell.close()


@pytest.fixture(scope="session")
def host(name: str, shell_of: Callable[[str], Shell]) -> Any:
    """The host over SSH, as root."""
    return Host(shell_of(name))


@pytest.fixture(scope="session")
def settings(name: str) -> Settings:
    return _settings(name)


@cache
def _settings(name: str) -> Settings:
    data = HOSTS[name]["data"]
    return parse_settings(name, data, ignored=[key for key in data if key.startswith("ssh_")])


@pytest.fixture(scope="session")
def host_context(name: str) -> HostContext:
    """What the hardening of the host depends on, as its phases see it."""
    return _host_context(name)


def _host_context(name: str) -> HostContext:
    return HostContext.from_inventory(
        name,
        HOSTS[name]["role"],
        {host: _settings(host) for host in HOSTS},
        {host: HOSTS[host]["data"].get("ssh_hostname") or "" for host in HOSTS},
    )


@pytest.fixture(scope="session")
def role(name: str) -> str:
    return str(HOSTS[name]["role"])


@pytest.fixture(scope="session")
def own_kernel(host: Any) -> None:
    """Skip the check in a container, which has no swap, modules or clock of its own."""
    virtualisation = host.run("systemd-detect-virt --container").stdout.strip()
    if virtualisation != "none":
        pytest.skip(f"{virtualisation}: the kernel belongs to the machine")
