"""CPU and memory reserved for SSH, systemd, the kubelet and, on servers, etcd and the control plane.

Kubernetes gives pods allocatable = capacity - system-reserved - kube-reserved - eviction-hard
(https://kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources/). K3s reserves nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skerry.model.errors import InputError
from skerry.model.k3s.eviction import SIGNALS
from skerry.model.quantity import KIB, MIB, format_cpu, format_memory, parse_cpu, parse_memory
from skerry.model.role import Role


@dataclass(frozen=True)
class Reserve:
    """A reserved amount of CPU and memory."""

    cpu_millicores: int
    memory_bytes: int

    def __str__(self) -> str:
        """Returns the kubelet's form: "cpu=500m,memory=512Mi"."""
        return f"cpu={format_cpu(self.cpu_millicores)},memory={format_memory(self.memory_bytes)}"


@dataclass(frozen=True)
class Reservations:
    """`system`: for the operating system. `kube`: for the K3s process with all it contains, and containerd."""

    system: Reserve
    kube: Reserve


# The published recipe: 500m and 512Mi each.
RECIPE = Reservations(Reserve(500, 512 * MIB), Reserve(500, 512 * MIB))

# "auto" rounds memory down to a multiple of this.
STEP = 64 * MIB

# What CoreDNS requests (k3s-io/k3s, manifests/coredns.yaml). A node with less for its pods is of no use.
FLOOR = Reserve(100, 70 * MIB)


def reservations(
    reserve: str | Mapping[str, Mapping[str, str]],
    *,
    role: Role,
    cores: int,
    memory_bytes: int,
    max_pods: int,
) -> Reservations:
    """Returns a host's reservations by the setting `reserve`: "recipe", "auto" or explicit amounts.

    Raises InputError for any other form or amount. Explicit amounts are not compared with the host's size.
    """
    if isinstance(reserve, Mapping):
        return _explicit(reserve)
    if reserve == "recipe":
        return RECIPE
    if reserve == "auto":
        return _auto(role, cores, memory_bytes, max_pods)
    raise InputError(
        f"{reserve!r} is not a reservation; write 'recipe', 'auto' or amounts for system and kube"
    )


def _auto(role: Role, cores: int, memory_bytes: int, max_pods: int) -> Reservations:
    """Returns reservations by size and role, from published recipes and K3s's measurements.

    system: 80m + 1% of CPU, 330 MiB + 5% of memory (Google Distributed Cloud, "Resources available for your
        workloads").
    kube, CPU: 6% of the first core, 1% of the second, 0.5% of the next two, 0.25% of the rest (GKE; EKS's
        bootstrap.sh has the same).
    kube, memory: 255 MiB + 11 MiB for each pod that may run (EKS: awslabs/amazon-eks-ami, bootstrap.sh).
        Unlike GKE's share of memory, this amount does not grow with memory that pods, not K3s, will use; AKS's 20 MB
        for each pod would take 2.2 GB of any larger host at 110 pods, K3s measures 275 MiB for an agent.
    server: 200m and 1331 MiB more, the difference between a server with a workload on etcd (1606 MiB, 30% of
        a slow core) and an agent (275 MiB, 10%) in https://docs.k3s.io/reference/resource-profiling (K3s
        1.26.5, 95th percentile). SQLite needs 10 MiB less: not worth a rule.

    Each of these three parts of memory is at most a quarter of the host's memory, the cap of AKS since 1.29
    (https://learn.microsoft.com/azure/aks/node-resource-reservations). So pods keep at least half of an agent and a
    quarter of a server, however small the host is. As a host grows by whole `STEP`s, neither the reservation nor the
    rest for pods shrinks. Within a step both stay the same, because a new kernel may report a few pages more or less,
    which must not change the configuration. Amounts are whole KiB, the unit of the kubelet's reports.
    """
    memory_bytes = memory_bytes // STEP * STEP
    quarter = memory_bytes // 4
    system_memory = min(330 * MIB + memory_bytes // 20, quarter)
    kube_memory = min((255 + 11 * max_pods) * MIB, quarter)
    kube_cpu = sum((60, 10, 5, 5)[:cores]) + max(cores - 4, 0) * 5 // 2
    if role == "server":
        kube_memory = _whole_kib(kube_memory) + min(1331 * MIB, quarter)
        kube_cpu += 200
    return Reservations(
        system=Reserve(80 + 10 * cores, _whole_kib(system_memory)),
        kube=Reserve(kube_cpu, _whole_kib(kube_memory)),
    )


def _whole_kib(size_bytes: int) -> int:
    return size_bytes // KIB * KIB


def _explicit(reserve: Mapping[str, Mapping[str, str]]) -> Reservations:
    _check_names(reserve, "", ("system", "kube"))
    return Reservations(_amounts("system", reserve["system"]), _amounts("kube", reserve["kube"]))


def _amounts(part: str, amounts: Mapping[str, str]) -> Reserve:
    if not isinstance(amounts, Mapping):
        raise InputError(f"{part!r} is {amounts!r}; give it 'cpu' and 'memory'")
    _check_names(amounts, f"{part} ", ("cpu", "memory"))
    for name, amount in amounts.items():
        if not isinstance(amount, str):
            raise InputError(f"{part} {name!r} is {amount!r}; write it in quotes, such as '500m' or '512Mi'")
    try:
        return Reserve(parse_cpu(amounts["cpu"]), parse_memory(amounts["memory"]))
    except InputError as error:
        raise InputError(f"{part} {error}") from None


def _check_names(mapping: Mapping[str, object], where: str, expected: tuple[str, str]) -> None:
    remedy = f"give {expected[0]!r} and {expected[1]!r}"
    for name in mapping:
        if name not in expected:
            raise InputError(f"{where}{name!r} is unknown; {remedy}")
    for name in expected:
        if name not in mapping:
            raise InputError(f"{where}{name!r} is missing; {remedy}")


def allocatable(
    capacity_cpu_millicores: int,
    capacity_memory_bytes: int,
    reserved: Reservations,
    eviction_memory_bytes: int,
) -> tuple[int, int]:
    """Returns CPU in millicores and memory in bytes that remain for pods, by Kubernetes' formula.

    Never negative: the kubelet reports 0 instead (kubernetes/kubernetes, pkg/kubelet/nodestatus/setters.go).
    """
    cpu = capacity_cpu_millicores - reserved.system.cpu_millicores - reserved.kube.cpu_millicores
    memory = capacity_memory_bytes - reserved.system.memory_bytes - reserved.kube.memory_bytes
    return max(0, cpu), max(0, memory - eviction_memory_bytes)


def check_allocatable(
    capacity_cpu_millicores: int,
    capacity_memory_bytes: int,
    reserved: Reservations,
    eviction_memory_bytes: int,
) -> None:
    """Raise InputError if the reservations leave pods less than CoreDNS requests (FLOOR)."""
    cpu, memory = allocatable(capacity_cpu_millicores, capacity_memory_bytes, reserved, eviction_memory_bytes)
    if cpu < FLOOR.cpu_millicores or memory < FLOOR.memory_bytes:
        raise InputError(
            f"the reservations leave pods {format_cpu(cpu)} CPU and {memory // MIB}Mi of memory, CoreDNS "
            f'alone asks for 100m and 70Mi; set reserve = "auto", or take a larger host'
        )


def kubelet_args(reserved: Reservations, eviction_hard: Mapping[str, str], max_pods: int) -> list[str]:
    """Returns the kubelet's arguments, "name=value", in an order that does not depend on the inventory."""
    thresholds = ",".join(
        f"{signal}<{eviction_hard[signal]}" for signal in SIGNALS if signal in eviction_hard
    )
    return [
        f"system-reserved={reserved.system}",
        f"kube-reserved={reserved.kube}",
        f"eviction-hard={thresholds}",
        f"max-pods={max_pods}",
    ]
