from __future__ import annotations

import pytest

from skerry.lab import emulator


@pytest.mark.parametrize(
    ("flags", "device_usable", "expected"),
    [
        ("fpu vmx", True, True),
        ("fpu svm", True, True),
        ("fpu vmx", False, False),
        ("fpu hypervisor", True, False),
    ],
)
def test_kvm_is_used_only_where_the_processor_offers_it(
    flags: str, device_usable: bool, expected: bool
) -> None:
    assert emulator.kvm_works(f"processor : 0\nflags : {flags}\n", device_usable) is expected
