"""Each check runs once for every host of the inventory that `invoke verify` was given."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from skerry.checks.readings import questions
from skerry.checks.shell import Shell
from skerry.model.hardening import catalogue
from skerry.model.hardening.host_context import HostContext
from skerry.model.settings.settings import Settings, parse_settings

DOORS = os.environ.get("SKERRY_VERIFY_DOORS", "")
AT_ONCE = 10  # hosts that answer meanwhile

HOSTS: dict[str, dict[str, Any]] = json.loads(os.environ.get("SKERRY_VERIFY_HOSTS", "{}"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", sorted(HOSTS), scope="session")


@pytest.fixture(scope="session")
def shells() -> Iterator[Callable[[str], Shell]]:
    """The shell on a host, as root. It and those on some further hosts begin to answer what all will be asked."""
    names, opened = sorted(HOSTS), dict[str, Shell]()

    def shell(name: str) -> Shell:
        place = names.index(name)
        for each in names[place : place + AT_ONCE]:
            if each not in opened:
                door = str(Path(DOORS, each)) if DOORS else ""
                opened[each] = Shell(each, os.environ["SKERRY_VERIFY_SSH"], HOSTS[each]["sudo"], door)
                if _settings(each).harden:
                    controls = catalogue.controls(_part(each))
                    opened[each].ask(
                        ask for control in controls for check in control.checks for ask in questions(check)
                    )
        return opened[name]

    yield shell
    for each in opened.values():
        each.close()


@pytest.fixture(scope="session")
def host(name: str, shells: Callable[[str], Shell]) -> Any:
    """The host over SSH, as root."""
    return Host(shells(name))


@pytest.fixture(scope="session")
def settings(name: str) -> Settings:
    return _settings(name)


@cache
def _settings(name: str) -> Settings:
    data = HOSTS[name]["data"]
    return parse_settings(name, data, ignored=[key for key in data if key.startswith("ssh_")])


@pytest.fixture(scope="session")
def host_context(name: str) -> HostContext:
    """The host's host_context in the inventory, as the hardening phases see it."""
    return _part(name)


def _part(name: str) -> HostContext:
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
    """Skips where the kernel is the machine's: a container has no swap, modules or clock of its own."""
    virtualisation = host.run("systemd-detect-virt --container").stdout.strip()
    if virtualisation != "none":
        pytest.skip(f"{virtualisation}: the kernel belongs to the machine")
