"""A real K3s: from a fresh host to a Ready node, through a reboot and a failure, to its removal.

Needs root, and a K3s release in artifacts/k3s/<version>/ (`invoke artifacts-fetch` puts it there). No pods are
started, because their images may be unreachable. The tests run in order: each needs the state that the one before
has left.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skerry import lab
from skerry.local.paths import PROJECT
from skerry.model.quantity import GIB, MIB, parse_cpu, parse_memory
from tests.lab.runs import Result, Running

SECONDS = 600  # for one run of the engine
START = "K3s | Start K3s and wait for a Ready node"
RECONFIGURE = [
    "K3s | Write configuration",
    START,
]


def deploy(inventory: Path) -> Result:
    return Running(inventory, "deploy/k3s.py", inventory.parent / "home").finish(SECONDS)


def invoke(inventory: Path, task: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "invoke"), task, str(inventory), *arguments]
    environment = {**os.environ, "SKERRY_HOME": str(inventory.parent / "home")}
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def output(host: lab.LabHost, command: str) -> str:
    return lab.run(host.name, command).stdout.strip()


def get(host: lab.LabHost, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(output(host, f"k3s kubectl get --raw {path}"))
    return answer


def node(host: lab.LabHost) -> dict[str, Any]:
    status: dict[str, Any] = get(host, f"/api/v1/nodes/{host.name}")["status"]
    return status


def is_ready(host: lab.LabHost) -> bool:
    return ("Ready", "True") in [
        (condition["type"], condition["status"]) for condition in node(host)["conditions"]
    ]


def starts(host: lab.LabHost) -> int:
    """How many times systemd has started K3s."""
    return int(output(host, "journalctl --unit k3s --output cat | grep -c '^Started '"))


def assert_allocatable(host: lab.LabHost, cpu_millicores: int, memory_bytes: int) -> None:
    """Assert that allocatable is capacity less `cpu_millicores` and `memory_bytes`, to the byte."""
    capacity, allocatable = node(host)["capacity"], node(host)["allocatable"]
    assert parse_cpu(capacity["cpu"]) - parse_cpu(allocatable["cpu"]) == cpu_millicores
    memory = [parse_memory(amounts["memory"], from_api=True) for amounts in (capacity, allocatable)]
    assert memory[0] - memory[1] == memory_bytes


def kubelet(host: lab.LabHost) -> dict[str, Any]:
    """The kubelet's running configuration, according to itself."""
    configuration: dict[str, Any] = get(host, f"/api/v1/nodes/{host.name}/proxy/configz")["kubeletconfig"]
    return configuration


def test_a_fresh_host_becomes_a_ready_node(host: lab.LabHost, inventory: Path, version: str) -> None:
    result = deploy(inventory)
    assert result.code == 0, result.stderr
    assert result.changed[-1] == START
    assert is_ready(host)
    assert node(host)["nodeInfo"]["kubeletVersion"] == version


def test_a_second_run_changes_nothing(inventory: Path) -> None:
    result = deploy(inventory)
    assert (result.code, result.changed) == (0, [])


def test_pods_get_the_capacity_less_the_recipes_reservations(host: lab.LabHost) -> None:
    assert_allocatable(host, 500 + 500, 512 * MIB + 512 * MIB + 100 * MIB)
    assert (
        kubelet(host)["systemReserved"] == kubelet(host)["kubeReserved"] == {"cpu": "500m", "memory": "512Mi"}
    )
    assert kubelet(host)["evictionHard"]["memory.available"] == "100Mi"


def test_other_reservations_restart_k3s_once(
    host: lab.LabHost, inventory: Path, write: Callable[[str], Path]
) -> None:
    before = starts(host)
    write("auto")
    result = deploy(inventory)
    assert (result.code, result.changed) == (0, RECONFIGURE), result.stderr
    assert (starts(host) - before, output(host, "systemctl show k3s -p NRestarts --value")) == (1, "0")
    reserved = [kubelet(host)[name] for name in ("systemReserved", "kubeReserved")]
    cpu = sum(parse_cpu(amounts["cpu"]) for amounts in reserved)
    memory = sum(parse_memory(amounts["memory"]) for amounts in reserved)
    assert cpu != 1000
    assert memory != 1 * GIB
    assert_allocatable(host, cpu, memory + 100 * MIB)


def test_kubectl_works_from_the_controller(inventory: Path) -> None:
    if not shutil.which("kubectl"):
        pytest.skip("no kubectl on this machine")
    kubeconfig = inventory.parent / "kubeconfig"
    fetched = invoke(inventory, "kubeconfig", "--file", str(kubeconfig))
    assert fetched.returncode == 0, fetched.stderr

    def kubectl(*arguments: str) -> str:
        command = ["kubectl", "--kubeconfig", str(kubeconfig), "--request-timeout", "30s", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    assert " Ready " in kubectl("get", "nodes", "--no-headers")
    kubectl("create", "namespace", "try")
    kubectl("--namespace", "try", "create", "configmap", "open", "--from-literal=word=in-clear-text")
    kubectl("--namespace", "try", "create", "secret", "generic", "shut", "--from-literal=word=in-a-secret")
    assert (
        kubectl("--namespace", "try", "get", "configmap", "open", "-o", "jsonpath={.data.word}")
        == "in-clear-text"
    )


def test_etcd_keeps_the_data_and_secrets_are_encrypted(host: lab.LabHost) -> None:
    """The configmap's word is found, which shows that an unencrypted Secret's word would be, too."""
    if "try" not in output(host, "k3s kubectl get namespaces"):
        pytest.skip("nothing was written: no kubectl on this machine")
    data = "/var/lib/rancher/k3s/server/db/etcd/member"
    files = {
        word: output(host, f"grep -rlas {word} {data} || true") for word in ("in-clear-text", "in-a-secret")
    }
    assert (files["in-clear-text"] != "", files["in-a-secret"]) == (True, "")
    assert output(host, f"grep -rlas k8s:enc: {data}") != ""


def test_the_token_is_never_shown(host: lab.LabHost) -> None:
    token = "/etc/rancher/k3s/token"
    assert output(host, f"stat -c '%a %U' {token}") == "600 root"
    assert output(host, f"ps -eww -o args | grep -F -f {token} || true") == ""
    assert output(host, f"journalctl --output cat | grep -F -f {token} || true") == ""


def test_after_a_reboot_k3s_comes_back_by_itself(host: lab.LabHost, inventory: Path) -> None:
    lab.reboot(host.name)
    output(host, "timeout 300 sh -c 'until systemctl is-active k3s; do sleep 1; done'")
    result = deploy(inventory)
    assert result.code == 0, result.stderr
    assert [name for name in result.changed if name != START] == []  # it waits if the node is not Ready yet
    assert output(host, "systemctl show k3s -p NRestarts --value") == "0"
    again = deploy(inventory)
    assert (again.code, again.changed) == (0, [])


def test_the_acceptance_checks_pass(inventory: Path) -> None:
    checks = invoke(inventory, "verify")
    assert checks.returncode == 0, checks.stderr
    assert " 0 failed" in checks.stdout


def test_a_kubelet_that_does_not_start_is_reported_with_its_reason(
    host: lab.LabHost, inventory: Path, write: Callable[[str], Path]
) -> None:
    """Although the datastore still has the node as Ready, and the reason is far from the end of the journal."""
    folder = "/etc/rancher/k3s/config.yaml.d"
    output(host, f"mkdir {folder} && printf 'kubelet-arg+:\\n- no-such-flag=1\\n' > {folder}/50-test.yaml")
    write("recipe")
    result = deploy(inventory)
    assert (result.code, result.failed) == (1, [START])
    assert "unknown flag: --no-such-flag" in result.stdout + result.stderr
    output(host, f"rm -r {folder}")
    mended = deploy(inventory)
    assert (mended.code, mended.changed) == (0, [START]), mended.stderr
    assert_allocatable(host, 1000, 1 * GIB + 100 * MIB)


def test_local_volumes_prevent_the_removal(host: lab.LabHost, inventory: Path) -> None:
    volume = "/var/lib/rancher/k3s/storage/pvc-1"
    output(host, f"mkdir -p {volume} && touch {volume}/data")
    refused = invoke(inventory, "uninstall", "--yes")
    assert refused.returncode == 1
    assert "pvc-1" in refused.stderr + refused.stdout
    assert is_ready(host)
    output(host, f"rm -r {volume}")


def test_nothing_of_k3s_is_left(host: lab.LabHost, inventory: Path) -> None:
    removed = invoke(inventory, "uninstall", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert output(host, "ps -e -o args | grep -E '[k]3s|[c]ontainerd' || true") == ""
    assert (
        output(host, "grep -E ' /(run/k3s|run/netns/cni-|var/lib/(kubelet|rancher))' /proc/mounts || true")
        == ""
    )
    assert output(host, "ip -o link | grep -E 'cni0|flannel|veth' || true") == ""
    paths = (
        "/etc/rancher /var/lib/rancher /var/lib/kubelet /var/lib/cni /run/k3s /run/flannel /usr/local/lib/k3s"
    )
    assert (
        output(
            host, f"ls -d {paths} /usr/local/bin/k3s* /etc/systemd/system/k3s*.service 2>/dev/null || true"
        )
        == ""
    )


def test_it_can_be_installed_again(host: lab.LabHost, inventory: Path) -> None:
    result = deploy(inventory)
    assert result.code == 0, result.stderr
    assert is_ready(host)
    assert "try" not in output(host, "k3s kubectl get namespaces --no-headers").split()
