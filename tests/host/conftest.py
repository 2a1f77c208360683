"""Each check runs once for every host of the inventory that `invoke verify` was given."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import testinfra

from cluster.hardening.catalogue import Part
from cluster.settings import Settings, parse_settings
from deploy.plan import members

HOSTS: dict[str, dict[str, Any]] = json.loads(os.environ.get("SKERRY_VERIFY_HOSTS", "{}"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", sorted(HOSTS), scope="session")


@pytest.fixture(scope="session")
def host(name: str) -> Any:
    """The host over SSH, as root."""
    return testinfra.get_host(
        f"ssh://{name}", ssh_config=os.environ["SKERRY_VERIFY_SSH"], sudo=HOSTS[name]["sudo"]
    )


@pytest.fixture(scope="session")
def settings(name: str) -> Settings:
    data = HOSTS[name]["data"]
    return parse_settings(name, data, ignored=[key for key in data if key.startswith("ssh_")])


@pytest.fixture(scope="session")
def part(name: str, role: Any, settings: Settings) -> Part:
    """The host's part in the inventory, as the hardening phases see it."""
    others = {each: host["data"] for each, host in HOSTS.items() if each != name}
    node_ips = {each: str(host["data"].get("k3s_node_ip", "")) for each, host in HOSTS.items()}
    return Part(role, settings, list(HOSTS).index(name), members(settings, node_ips, others))


@pytest.fixture(scope="session")
def role(name: str) -> str:
    return str(HOSTS[name]["role"])


@pytest.fixture(scope="session")
def own_kernel(host: Any) -> None:
    """Skips where the kernel is the machine's: a container has no swap, modules or clock of its own."""
    virtualisation = host.run("systemd-detect-virt --container").stdout.strip()
    if virtualisation != "none":
        pytest.skip(f"{virtualisation}: the kernel belongs to the machine")
