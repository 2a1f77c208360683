"""The parts of the lab that need no host: names and marks, choices, addresses, command lines, seeds."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.lab import cgroup, creation, emulator, network, nspawn, processes, qemu, release, seed
from skerry.lab.host import LabError, Record, Spec
from skerry.lab.place import Place

MACHINE = "skerry0ff-1"


def record(backend: str, machine: str = MACHINE, kernel_args: str = "") -> Record:
    return Record(
        "oslo-1", backend, 1, machine, "focal-tree-1", "10.213.255.11", 22, "10.214.255.11",
        2, 2048, 20, kernel_args, 6443,
    )  # fmt: skip


def test_a_record_is_read_back_as_it_was_written() -> None:
    kept = record("qemu", kernel_args="quiet")
    assert Record.parse(kept.text()) == kept
    with pytest.raises((ValueError, TypeError)):
        Record.parse('{"name": "oslo-1"}')


def test_labs_in_different_folders_have_different_marks_and_short_interface_names() -> None:
    marks = {Place(Path(f"/srv/lab-{number}")).mark for number in range(20)}
    assert len(marks) > 15
    assert all(len(f"vb-{mark}-99") <= 15 for mark in marks), "Linux cuts interface names at 15 characters"


@pytest.mark.parametrize(
    "argv", [qemu.command(record("qemu"), Path("/x")), nspawn.command(record("nspawn"), Path("/x"), False)]
)
def test_a_hosts_process_is_known_by_its_mark_and_by_no_others(argv: list[str]) -> None:
    assert processes.is_marked(argv, MACHINE)
    assert not processes.is_marked(argv, "skerry0ff-11")
    assert not processes.is_marked(argv, "skerry0fe-1")


@pytest.mark.parametrize(
    "argv",
    [
        ["grep", f"--machine={MACHINE}"],
        ["ssh", "host", f"systemd-nspawn --machine={MACHINE}"],
        ["sh", "-c", f"qemu-system-x86_64 -name {MACHINE}"],
        [],
    ],
)
def test_a_strangers_process_that_only_names_a_host_is_not_taken_for_it(argv: list[str]) -> None:
    assert not processes.is_marked(argv, MACHINE)


@pytest.mark.parametrize(
    ("content", "ours"),
    [
        (b"1:name=systemd:/skerry0ff-1/init.scope\n0::/skerry0ff-1\n", True),
        (rb"0::/machine.slice/machine-skerry0ff\x2d1.scope/payload", True),
        (b"0::/skerry0ff-11/init.scope\n", False),
        (b"0::/user.slice\n", False),
        (b"", False),
    ],
)
def test_the_processes_inside_a_host_are_known_by_its_cgroup(content: bytes, ours: bool) -> None:
    assert processes.in_cgroup(content, MACHINE) is ours


def test_cgroup_hierarchies_are_found_in_mountinfo() -> None:
    mountinfo = (
        "25 1 254:0 / / rw - ext4 /dev/vda rw\n"
        "30 25 0:26 / /sys/fs/cgroup ro shared:9 - tmpfs tmpfs ro\n"
        "31 30 0:27 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw\n"
        "32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    )
    assert cgroup.mount_points(mountinfo) == ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory"]


def routes(*octets: int) -> str:
    """/proc/net/route with a network 10.213.N.0 for each octet, its bytes as the kernel prints them."""
    head = "Iface Destination Gateway Flags\neth0 00000000 0101A8C0 0003\n"
    return head + "".join(f"br{octet} 00{octet:02X}D50A 00000000 0001\n" for octet in octets)


@given(st.sets(st.integers(0, 255), max_size=255), st.integers(0, 255))
def test_a_lab_takes_a_range_that_nobody_routes(taken: set[int], first: int) -> None:
    assert network.free_subnet(first, routes(*taken)) not in taken


def test_a_lab_is_refused_when_every_range_is_taken() -> None:
    with pytest.raises(LabError, match="no free /24"):
        network.free_subnet(7, routes(*range(256)))


def test_only_the_labs_own_interfaces_are_ours() -> None:
    links = ["skerry0ff", "vb-skerry0ff-1", "skerry0fe", "vb-skerry0fe-1", "eth0", "cni0"]
    assert [link for link in links if network.is_ours(link, "skerry0ff")] == links[:2]


@pytest.mark.parametrize(
    ("flags", "usable", "expected"),
    [
        ("fpu vmx", True, True),
        ("fpu svm", True, True),
        ("fpu vmx", False, False),
        ("fpu hypervisor", True, False),
    ],
)
def test_kvm_is_used_only_where_the_processor_offers_it(flags: str, usable: bool, expected: bool) -> None:
    assert emulator.accelerated(f"processor : 0\nflags : {flags}\n", usable) is expected


@pytest.mark.parametrize(
    ("built", "reachable", "expected"),
    [
        (["bullseye"], True, "bullseye"),
        (["bullseye", "focal"], False, "focal"),
        ([], True, "focal"),
        ([], False, "bullseye"),
    ],
)
def test_hosts_run_what_is_there_else_ubuntu_else_debian(
    built: list[str], reachable: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SKERRY_LAB_RELEASE", raising=False)
    assert release.choose(built, lambda _: reachable)[0].name == expected


def test_an_unknown_release_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKERRY_LAB_RELEASE", "warty")
    with pytest.raises(LabError, match="choose one of focal, jammy, noble, bullseye, bookworm"):
        release.choose([], lambda _: True)


def test_host_numbers_are_reused_and_end_at_99() -> None:
    assert creation.free_index({1, 2, 4}) == 3
    with pytest.raises(LabError, match="at most 99 hosts"):
        creation.free_index(set(range(1, 100)))


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        ([], "at least one host"),
        ([Spec("a", "nspawn"), Spec("a", "nspawn")], "each name once"),
        ([Spec("-a", "nspawn")], "cannot be a host name"),
        ([Spec("a" * 41, "nspawn")], "cannot be a host name"),
        ([Spec("a", "vmware")], "vmware"),
        ([Spec("a", "nspawn", kernel_args="quiet")], "take no kernel_args"),
        ([Spec("a", "qemu", disk_gib=1)], "less than the image's"),
        ([Spec("a", "qemu", kernel_args="a|b")], "may not hold"),
    ],
)
def test_hosts_that_cannot_be_are_refused(specs: list[Spec], message: str) -> None:
    with pytest.raises(LabError, match=message):
        creation.check(specs, [])


def test_a_proxy_on_this_machine_is_reached_from_hosts_at_its_address() -> None:
    dump = (
        'Acquire::http::Proxy "http://localhost:3142";\n'
        'Acquire::https::Proxy "";\n'
        'Acquire::Check-Valid-Until "false";\n'
        'APT::Architecture "amd64";\n'
    )
    [file] = seed.apt(dump, "10.0.2.2")
    assert file.text == 'Acquire::http::Proxy "http://10.0.2.2:3142";\nAcquire::Check-Valid-Until "false";\n'
    assert seed.apt('APT::Architecture "amd64";\n', "10.0.2.2") == []


def test_a_seed_is_readable_by_its_owner_alone_and_holds_what_it_was_given(tmp_path: Path) -> None:
    files = [
        seed.File("etc/hostname", "oslo-1\n"),
        seed.File("root/.ssh", mode=0o700),
        seed.File("home/ops/.ssh/authorized_keys", "ssh-ed25519 AAAA\n", 0o600, 1000),
        seed.File("etc/systemd/system/x.service", target="/dev/null"),
    ]
    path = tmp_path / "seed.tar"
    seed.write(path, files)
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
        found = {each.name: each for each in tar.getmembers()}
        name = tar.extractfile("etc/hostname")
        assert name is not None
        assert name.read() == b"oslo-1\n"
    assert found["root/.ssh"].isdir()
    assert found["root/.ssh"].mode == 0o700
    assert found["home/ops/.ssh/authorized_keys"].uid == 1000
    assert found["etc/systemd/system/x.service"].linkname == "/dev/null"
