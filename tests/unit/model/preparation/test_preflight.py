"""Preflight's rules: a fit host passes, and every problem is reported with a remedy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skerry.model.preparation.host_facts import HostFacts, Listener
from skerry.model.preparation.preflight import PreflightFinding, findings
from skerry.model.settings.settings import Settings
from tests.unit.conftest import MakeSettings

NOW = 1_800_000_000.0
FIT = HostFacts(
    hostname="node-1",
    machine_id="0123456789abcdef0123456789abcdef",
    os_id="ubuntu",
    os_version="20.04",
    arch="x86_64",
    kernel="5.4.0-216-generic",
    init="systemd",
    virtualisation="kvm",
    cgroup="cgroup2fs",
    cores=2,
    memory_kib=3 * 1024 * 1024,
    disk_path="/var/lib",
    disk_filesystem="ext2/ext3",
    disk_free_bytes=40 * 2**30,
    clock=NOW,
    clock_synchronised=True,
    listeners=(Listener("tcp", "0.0.0.0", 22, "sshd", "ssh.service"),),  # noqa: S104  a string in output
    routes=(("default", "eth0"), ("192.0.2.0/24", "eth0")),
    conflicting_services=(),
    firewalls=(),
    addresses=("192.0.2.10/24",),
    k3s_installed=False,
    datastore="",
    server_state="inactive",
    grub=True,
    reach="ok",
)


def check(host_facts: HostFacts, settings: Settings, role: str = "server") -> list[PreflightFinding]:
    return findings({"a": host_facts}, {"a": settings}, {"a": role}, {"a": (NOW, NOW)})  # type: ignore[dict-item]


def test_a_fit_host_has_no_findings(make_settings: MakeSettings) -> None:
    assert check(FIT, make_settings()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"os_id": "fedora", "os_version": "40"}, "fedora 40 is not supported"),
        ({"os_version": "18.04"}, "ubuntu 18.04 is not supported"),
        ({"arch": "riscv64"}, "architecture riscv64"),
        ({"init": "sysvinit"}, "PID 1 is sysvinit"),
        ({"kernel": "4.15.0-20-generic"}, "older than 4.19"),
        ({"cores": 1}, "1 core(s), a K3s server needs 2"),
        ({"memory_kib": 1024 * 1024}, "1024 MiB of memory"),
        ({"disk_free_bytes": 2**30}, "1.0 GiB free at /var/lib"),
        ({"disk_filesystem": "nfs"}, "which is unsuitable for etcd"),
        ({"clock": NOW + 40}, "the clock is 40 s ahead"),
        ({"clock": NOW - 40}, "the clock is 40 s behind"),
        ({"conflicting_services": ("kubelet.service is running",)}, "kubelet.service is running"),
        ({"routes": (("10.42.7.0/24", "eth1"),)}, "k3s_cluster_cidr 10.42.0.0/16 overlaps"),
        ({"routes": (("10.43.0.0/16", "tun0"),)}, "k3s_service_cidr 10.43.0.0/16 overlaps"),
        ({"reach": "curl: (6) Could not resolve host"}, "Could not resolve host"),
        ({"hostname": ""}, "the hostname is empty"),
    ],
)
def test_an_unfit_host_is_an_error_with_a_remedy(
    make_settings: MakeSettings, change: dict[str, object], words: str
) -> None:
    [finding] = check(replace(FIT, **change), make_settings())  # type: ignore[arg-type]
    assert finding.level == "error"
    assert words in finding.problem
    assert finding.remedy


def test_all_problems_are_reported_at_once_errors_first(make_settings: MakeSettings) -> None:
    problems = check(replace(FIT, cores=1, clock_synchronised=False, arch="mips"), make_settings())
    assert [finding.level for finding in problems] == ["error", "error", "warning"]


def test_a_two_gigabyte_host_counts_as_two_gigabytes(make_settings: MakeSettings) -> None:
    """Firmware and kernel use some memory: Linux shows about 1.92 of 2 GiB."""
    assert check(replace(FIT, memory_kib=1_970_000), make_settings()) == []


@pytest.mark.parametrize("port", [6443, 2379, 2380, 10250])
def test_a_port_of_another_program_is_an_error_and_k3ss_own_is_not(
    make_settings: MakeSettings, port: int
) -> None:
    other = Listener("tcp", "*", port, "nginx", "nginx.service")
    [finding] = check(replace(FIT, listeners=(other,)), make_settings())
    assert f"port {port} is taken by nginx" in finding.problem
    ours = replace(other, process="k3s-server", unit="k3s.service")
    assert check(replace(FIT, listeners=(ours,)), make_settings()) == []


def test_etcds_ports_do_not_matter_for_sqlite_or_an_agent(make_settings: MakeSettings) -> None:
    etcd = replace(FIT, listeners=(Listener("tcp", "*", 2379, "etcd", "etcd.service"),))
    assert check(etcd, make_settings(k3s_datastore="sqlite")) == []
    assert check(etcd, make_settings(), role="agent") == []


def test_our_own_routes_are_not_an_overlap(make_settings: MakeSettings) -> None:
    routes = (("10.42.0.0/24", "cni0"), ("10.42.1.0/24", "flannel.1"), ("10.42.0.5", "veth1234"))
    assert check(replace(FIT, routes=routes), make_settings()) == []


@pytest.mark.parametrize(
    ("change", "settings", "level", "words"),
    [
        ({}, {}, "warning", "switches it to v2"),
        ({}, {"cgroup_v1": "refuse"}, "error", 'cgroup_v1 = "switch"'),
        ({"grub": False}, {}, "error", "systemd.unified_cgroup_hierarchy=1"),
        ({"virtualisation": "lxc"}, {}, "error", "the machine that runs this container"),
    ],
)
def test_cgroup_v1_under_a_version_that_refuses_it(
    make_settings: MakeSettings, change: dict[str, object], settings: dict[str, str], level: str, words: str
) -> None:
    host_facts = replace(FIT, cgroup="tmpfs", **change)  # type: ignore[arg-type]
    [finding] = check(host_facts, make_settings(k3s_version="v1.35.6+k3s1", **settings))
    assert finding.level == level
    assert words in finding.remedy


def test_cgroup_v1_under_a_version_that_accepts_it_is_fine(make_settings: MakeSettings) -> None:
    assert check(replace(FIT, cgroup="tmpfs"), make_settings(k3s_version="v1.34.3+k3s1")) == []


def test_a_cloned_machine_id_is_reported_for_both_hosts(make_settings: MakeSettings) -> None:
    other = replace(FIT, hostname="node-2")
    problems = findings(
        {"a": FIT, "b": other},
        {"a": make_settings(), "b": make_settings()},
        {"a": "server", "b": "agent"},
        {"a": (NOW, NOW), "b": (NOW, NOW)},
    )
    assert [(finding.host, "also that of" in finding.problem) for finding in problems] == [
        ("a", True),
        ("b", True),
    ]


def test_a_host_that_answers_late_does_not_have_a_wrong_clock(make_settings: MakeSettings) -> None:
    for clock, right in ((NOW, True), (NOW + 90, True), (NOW + 121, False), (NOW - 31, False)):
        facts_by_host = {"a": replace(FIT, clock=clock)}
        assert (
            not findings(facts_by_host, {"a": make_settings()}, {"a": "server"}, {"a": (NOW, NOW + 90)})
        ) is right


def test_a_finding_is_one_line() -> None:
    assert str(PreflightFinding("a", "error", "no", "do")) == "a: error: no; do"


def test_a_fresh_host_must_not_be_first_in_an_existing_cluster(make_settings: MakeSettings) -> None:
    settings, roles = make_settings(), {"new": "server", "b": "server", "c": "server"}
    hosts = {
        name: replace(FIT, hostname=name, machine_id=name * 3, datastore="" if name == "new" else "etcd")
        for name in roles
    }
    problems = findings(hosts, dict.fromkeys(roles, settings), roles, dict.fromkeys(roles, (NOW, NOW)))  # type: ignore[arg-type]
    assert [str(finding) for finding in problems if finding.host == "new"] == [
        "new: error: is first in servers but has no datastore, while b has: it would start another cluster; "
        "put b first in the inventory"
    ]
    restored = hosts | {"new": replace(hosts["new"], datastore="etcd")}
    assert not findings(restored, dict.fromkeys(roles, settings), roles, dict.fromkeys(roles, (NOW, NOW)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("running", "words"),
    [
        ("v1.36.4+k3s1", "the host runs K3s v1.36.4+k3s1, k3s_version v1.36.3+k3s1 is older"),
        ("v1.34.9+k3s1", "k3s_version v1.36.3+k3s1 skips a minor"),
    ],
)
def test_a_downgrade_and_a_skipped_minor_are_errors(
    make_settings: MakeSettings, running: str, words: str
) -> None:
    [finding] = check(replace(FIT, k3s_version=running), make_settings(k3s_version="v1.36.3+k3s1"))
    assert (finding.level, finding.remedy != "") == ("error", True)
    assert words in finding.problem


def test_the_same_version_the_next_and_a_requested_downgrade_are_accepted(
    make_settings: MakeSettings,
) -> None:
    for running in ("", "v1.36.3+k3s1", "v1.36.2+k3s1", "v1.35.9+k3s1"):
        assert check(replace(FIT, k3s_version=running), make_settings(k3s_version="v1.36.3+k3s1")) == []
    downgrade = make_settings(k3s_version="v1.36.3+k3s1", k3s_downgrade=True)
    assert check(replace(FIT, k3s_version="v1.36.4+k3s1"), downgrade) == []
