from __future__ import annotations

import pytest

from skerry.lab import creation
from skerry.lab.host import LabError, Spec


def test_host_indexes_are_reused_and_end_at_99() -> None:
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
        ([Spec("a", "qemu", kernel_args="a|b")], "may not contain"),
    ],
)
def test_hosts_that_cannot_be_created_are_refused(specs: list[Spec], message: str) -> None:
    with pytest.raises(LabError, match=message):
        creation.check(specs, [])
