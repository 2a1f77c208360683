"""K3s runs in the pinned version, with the reservations and secrets that the settings ask for."""

import json
from typing import Any

import pytest

from skerry.model.k3s.eviction import memory_threshold
from skerry.model.k3s.paths import binary, unit
from skerry.model.k3s.reservations import allocatable, reservations
from skerry.model.quantity import parse_cpu, parse_memory
from skerry.model.settings.settings import Settings

SECRETS = ("/etc/rancher/k3s/config.yaml", "/etc/rancher/k3s/token")
SERVER_SECRETS = ("/etc/rancher/k3s/k3s.yaml", "/etc/rancher/k3s/agent-token")
# An agent's only way to the API: the kubelet's own credentials, which may read the agent's node only.
KUBELET = "--kubeconfig /var/lib/rancher/k3s/agent/kubelet.kubeconfig"


@pytest.fixture(scope="session")
def node(host: Any, role: str) -> dict[str, Any]:
    name, access = host.check_output("hostname").lower(), KUBELET if role == "agent" else ""
    node: dict[str, Any] = json.loads(
        host.check_output(f"/usr/local/bin/k3s kubectl {access} get --raw /api/v1/nodes/{name}")
    )
    return node


def test_the_service_runs_and_starts_at_boot(host: Any, role: Any) -> None:
    assert host.service(unit(role)).is_running
    assert host.service(unit(role)).is_enabled


def test_the_version_is_the_pinned_one(host: Any, settings: Settings) -> None:
    assert host.file("/usr/local/bin/k3s").linked_to == binary(settings.k3s_version)
    assert host.check_output("/usr/local/bin/k3s --version").split()[2] == settings.k3s_version


def test_the_binary_still_has_its_checksum(host: Any, settings: Settings) -> None:
    installed = host.file(binary(settings.k3s_version))
    recorded = host.file(f"{installed.path}.sha256").content_string.split()[0]
    assert installed.sha256sum == recorded


@pytest.mark.parametrize("path", [*SECRETS, *SERVER_SECRETS])
def test_secret_is_for_root_alone(host: Any, path: str, role: str) -> None:
    if role == "agent" and path in SERVER_SECRETS:
        pytest.skip("an agent has none")
    file = host.file(path)
    assert (file.user, file.group, oct(file.mode)) == ("root", "root", "0o600")


def test_no_command_line_contains_the_token(host: Any) -> None:
    token = host.file("/etc/rancher/k3s/token").content_string.strip()
    assert len(token) >= 32
    assert token not in host.check_output("ps -eww -o args")


def test_the_node_is_ready(node: dict[str, Any]) -> None:
    conditions = {condition["type"]: condition["status"] for condition in node["status"]["conditions"]}
    assert conditions["Ready"] == "True"


def test_the_kubelet_runs_the_pinned_version(node: dict[str, Any], settings: Settings) -> None:
    assert node["status"]["nodeInfo"]["kubeletVersion"] == settings.k3s_version


def test_allocatable_is_capacity_less_reservations_and_eviction(
    node: dict[str, Any], settings: Settings, role: Any
) -> None:
    capacity = node["status"]["capacity"]
    cpu, memory = parse_cpu(capacity["cpu"]), parse_memory(capacity["memory"])
    reserved = reservations(
        settings.reserve, role=role, cores=cpu // 1000, memory_bytes=memory, max_pods=settings.max_pods
    )
    eviction = memory_threshold(settings.eviction_hard, memory)
    actual = node["status"]["allocatable"]
    expected_cpu, expected_memory = allocatable(cpu, memory, reserved, eviction)
    assert parse_cpu(actual["cpu"]) == expected_cpu
    assert abs(parse_memory(actual["memory"]) - expected_memory) < 1024


def test_the_kubelet_evicts_as_configured(
    host: Any, node: dict[str, Any], settings: Settings, role: str
) -> None:
    """The running kubelet is asked, because K3s's own default does not evict for memory."""
    if role == "agent":
        pytest.skip("an agent may not ask for its kubelet's configuration")
    name = node["metadata"]["name"]
    configz = json.loads(
        host.check_output(f"/usr/local/bin/k3s kubectl get --raw /api/v1/nodes/{name}/proxy/configz")
    )
    assert configz["kubeletconfig"]["evictionHard"] == settings.eviction_hard
