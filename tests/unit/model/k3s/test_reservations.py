"""Reservations and evictions: the formulas' properties, and numbers worked out by hand."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.model.errors import InputError
from skerry.model.k3s.eviction import SIGNALS, check_eviction, memory_threshold
from skerry.model.k3s.reservations import (
    FLOOR,
    RECIPE,
    STEP,
    Reservations,
    Reserve,
    allocatable,
    check_allocatable,
    kubelet_args,
    reservations,
)
from skerry.model.quantity import GIB, KIB, MIB
from skerry.model.role import Role

EVICTION = {
    "memory.available": "100Mi",
    "nodefs.available": "10%",
    "nodefs.inodesFree": "5%",
    "imagefs.available": "15%",
    "imagefs.inodesFree": "5%",
    "pid.available": "5%",
}
ROLES = st.sampled_from(get_args(Role))
CORES = st.integers(min_value=1, max_value=256)
MEMORY = st.integers(min_value=0, max_value=2**40 // STEP).map(lambda steps: steps * STEP)
PODS = st.integers(min_value=1, max_value=500)
GROWTH = st.integers(min_value=0, max_value=2**10)


def auto(role: Role, cores: int, memory_bytes: int, max_pods: int = 110) -> Reservations:
    return reservations("auto", role=role, cores=cores, memory_bytes=memory_bytes, max_pods=max_pods)


def total(reserved: Reservations) -> tuple[int, int]:
    return (
        reserved.system.cpu_millicores + reserved.kube.cpu_millicores,
        reserved.system.memory_bytes + reserved.kube.memory_bytes,
    )


def parts(reserved: Reservations) -> tuple[int, int, int, int]:
    system, kube = reserved.system, reserved.kube
    return system.cpu_millicores, system.memory_bytes, kube.cpu_millicores, kube.memory_bytes


@given(ROLES, CORES, MEMORY, PODS)
def test_auto_leaves_pods_their_share_of_any_host(role: Role, cores: int, memory: int, pods: int) -> None:
    """At least half of an agent's memory, a quarter of a server's, and more than half of the CPU."""
    cpu, reserved = total(auto(role, cores, memory, pods))
    assert reserved <= memory * (0.5 if role == "agent" else 0.75)
    assert cpu < cores * 500


@given(ROLES, CORES, MEMORY, PODS, GROWTH, GROWTH, GROWTH)
@settings(max_examples=300)
def test_auto_reserves_no_less_on_a_larger_host(
    role: Role, cores: int, memory: int, pods: int, more_cores: int, more_steps: int, more_pods: int
) -> None:
    small = parts(auto(role, cores, memory, pods))
    larger = parts(auto(role, cores + more_cores, memory + more_steps * STEP, pods + more_pods))
    assert all(after >= before for before, after in zip(small, larger, strict=True))


@given(ROLES, CORES, MEMORY, PODS, st.integers(0, 4), st.integers(0, 8))
@settings(max_examples=500)
def test_auto_gives_pods_no_less_on_a_larger_host(
    role: Role, cores: int, memory: int, pods: int, more_cores: int, more_steps: int
) -> None:
    def given_to_pods(cores: int, memory: int) -> tuple[int, int]:
        return allocatable(cores * 1000, memory, auto(role, cores, memory, pods), 100 * MIB)

    small, larger = (
        given_to_pods(cores, memory),
        given_to_pods(cores + more_cores, memory + more_steps * STEP),
    )
    assert 0 <= small[0] <= larger[0]
    assert 0 <= small[1] <= larger[1]


@given(CORES, MEMORY, PODS)
def test_auto_reserves_more_on_a_server(cores: int, memory: int, pods: int) -> None:
    agent, server = total(auto("agent", cores, memory, pods)), total(auto("server", cores, memory, pods))
    assert server[0] == agent[0] + 200
    assert server[1] >= agent[1]


@given(ROLES, CORES, MEMORY, PODS, st.integers(0, STEP - 1))
def test_auto_does_not_follow_a_few_pages(role: Role, cores: int, memory: int, pods: int, more: int) -> None:
    assert auto(role, cores, memory + more, pods) == auto(role, cores, memory, pods)


@given(ROLES, MEMORY, PODS)
def test_auto_reserves_whole_kibibytes(role: Role, memory: int, pods: int) -> None:
    reserved = auto(role, 1, memory, pods)
    assert reserved.system.memory_bytes % KIB == reserved.kube.memory_bytes % KIB == 0


@pytest.mark.parametrize(
    ("role", "cores", "memory", "system", "kube"),
    [
        # 80 + 10 a core; 330 MiB + 5%. 60, 10, 5, 5, then 2.5 a core; 255 + 11 * 110 = 1465 MiB.
        ("agent", 4, 10 * GIB, (120, 842), (80, 1465)),
        ("agent", 8, 10 * GIB, (160, 842), (90, 1465)),
        ("agent", 1, GIB // 2, (90, 128), (60, 128)),  # both at a quarter
        ("server", 4, 10 * GIB, (120, 842), (280, 1465 + 1331)),
        ("server", 2, 2 * GIB, (100, 432), (270, 512 + 512)),  # kube and control plane at a quarter
    ],
)
def test_auto_by_hand(
    role: Role, cores: int, memory: int, system: tuple[int, int], kube: tuple[int, int]
) -> None:
    reserved = auto(role, cores, memory)
    assert (reserved.system.cpu_millicores, reserved.system.memory_bytes // MIB) == system
    assert (reserved.kube.cpu_millicores, reserved.kube.memory_bytes // MIB) == kube


@pytest.mark.parametrize(("role", "cores", "memory"), [("agent", 1, GIB // 2), ("server", 2, 2 * GIB)])
def test_auto_fits_the_smallest_hosts_k3s_supports(role: Role, cores: int, memory: int) -> None:
    check_allocatable(cores * 1000, memory, auto(role, cores, memory), 100 * MIB)


def test_the_recipe_is_the_published_one() -> None:
    reserved = reservations("recipe", role="server", cores=4, memory_bytes=8 * GIB, max_pods=110)
    assert reserved == Reservations(Reserve(500, 512 * MIB), Reserve(500, 512 * MIB))


def test_explicit_amounts_are_taken_as_they_are() -> None:
    amounts = {"system": {"cpu": "0.2", "memory": "300Mi"}, "kube": {"cpu": "1", "memory": "1G"}}
    reserved = reservations(amounts, role="agent", cores=1, memory_bytes=GIB, max_pods=10)
    assert reserved == Reservations(Reserve(200, 300 * MIB), Reserve(1000, 10**9))


def test_allocatable_is_capacity_less_all_that_is_reserved() -> None:
    assert allocatable(4000, 8 * GIB, RECIPE, 100 * MIB) == (3000, 7 * GIB - 100 * MIB)


def test_allocatable_is_never_negative() -> None:
    assert allocatable(500, GIB // 2, RECIPE, 100 * MIB) == (0, 0)


def test_a_host_too_small_for_the_recipe_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        check_allocatable(1000, 2 * GIB, RECIPE, 100 * MIB)
    assert str(caught.value) == (
        "the reservations leave pods 0 CPU and 924Mi of memory, CoreDNS alone asks for 100m and 70Mi; "
        'set reserve = "auto", or take a larger host'
    )


@pytest.mark.parametrize("short_of", [(1, 0), (0, 1)])
def test_the_floor_is_what_coredns_requests(short_of: tuple[int, int]) -> None:
    """Enough of both is enough; one millicore or one byte less is not."""
    cpu, memory = 1000 + FLOOR.cpu_millicores, GIB + FLOOR.memory_bytes
    check_allocatable(cpu, memory, RECIPE, 0)
    with pytest.raises(InputError):
        check_allocatable(cpu - short_of[0], memory - short_of[1], RECIPE, 0)


def test_the_kubelet_gets_its_arguments_in_one_order() -> None:
    shuffled = dict(reversed(EVICTION.items()))
    assert kubelet_args(RECIPE, shuffled, 110) == [
        "system-reserved=cpu=500m,memory=512Mi",
        "kube-reserved=cpu=500m,memory=512Mi",
        "eviction-hard=memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,"
        "imagefs.available<15%,imagefs.inodesFree<5%,pid.available<5%",
        "max-pods=110",
    ]


@pytest.mark.parametrize(
    ("value", "threshold"), [("100Mi", 100 * MIB), ("5%", GIB // 20), ("0%", 0), ("100%", 0)]
)
def test_the_memory_threshold_in_bytes(value: str, threshold: int) -> None:
    """A percentage is of the capacity; the kubelet ignores 0% and 100%."""
    assert memory_threshold({"memory.available": value}, GIB) == threshold


@pytest.mark.parametrize(
    ("signal", "value"),
    [
        ("memory.available", "0.5%"),
        ("nodefs.available", "2Gi"),
        ("pid.available", "1000"),
        ("nodefs.inodesFree", "0%"),
    ],
)
def test_amounts_and_percentages_are_thresholds(signal: str, value: str) -> None:
    check_eviction({**EVICTION, signal: value})


@pytest.mark.parametrize("signal", SIGNALS)
def test_every_eviction_signal_must_be_set(signal: str) -> None:
    with pytest.raises(InputError) as caught:
        check_eviction({name: value for name, value in EVICTION.items() if name != signal})
    assert (
        str(caught.value) == f"{signal!r} is missing; set it, to '0%' if pods shall never be evicted for it"
    )
