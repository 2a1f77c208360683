"""Which processes belong to a host: by their arguments, or by their cgroup."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.lab import nspawn, processes, qemu
from tests.unit.lab.records import MACHINE, record


@pytest.mark.parametrize(
    "argv",
    [
        qemu.qemu_command(record("qemu"), Path("/x")),
        nspawn.nspawn_command(record("nspawn"), Path("/x"), managed=False),
    ],
)
def test_a_hosts_process_is_known_by_its_own_machine_name_alone(argv: list[str]) -> None:
    assert processes.names_machine(argv, MACHINE)
    assert not processes.names_machine(argv, "skerry0ff-11")
    assert not processes.names_machine(argv, "skerry0fe-1")


@pytest.mark.parametrize(
    "argv",
    [
        ["grep", f"--machine={MACHINE}"],
        ["ssh", "host", f"systemd-nspawn --machine={MACHINE}"],
        ["sh", "-c", f"qemu-system-x86_64 -name {MACHINE}"],
        [],
    ],
)
def test_a_process_of_another_program_that_mentions_a_host_does_not_belong_to_it(argv: list[str]) -> None:
    assert not processes.names_machine(argv, MACHINE)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"1:name=systemd:/skerry0ff-1/init.scope\n0::/skerry0ff-1\n", True),
        (rb"0::/machine.slice/machine-skerry0ff\x2d1.scope/payload", True),
        (b"0::/skerry0ff-11/init.scope\n", False),
        (b"0::/user.slice\n", False),
        (b"", False),
    ],
)
def test_the_processes_inside_a_host_are_known_by_its_cgroup(content: bytes, expected: bool) -> None:
    assert processes.in_cgroup(content, MACHINE) is expected
