from __future__ import annotations

import pytest

from skerry.lab.host import HostRecord
from tests.unit.lab.records import record


def test_a_record_is_read_back_as_it_was_written() -> None:
    written = record("qemu", kernel_args="quiet")
    assert HostRecord.parse(written.text()) == written
    with pytest.raises((ValueError, TypeError)):
        HostRecord.parse('{"name": "oslo-1"}')
