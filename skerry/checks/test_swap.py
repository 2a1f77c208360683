"""Swap is off, and stays off."""

from typing import Any

import pytest


@pytest.mark.usefixtures("own_kernel")
def test_no_swap_is_active(host: Any) -> None:
    assert host.file("/proc/swaps").content_string.splitlines()[1:] == []


def test_fstab_brings_no_swap_back(host: Any) -> None:
    lines = [line.split() for line in host.file("/etc/fstab").content_string.splitlines()]
    assert [
        line for line in lines if len(line) > 2 and not line[0].startswith("#") and line[2] == "swap"
    ] == []


def test_no_swap_unit_is_left(host: Any) -> None:
    # A pattern instead of --type, with which systemd reads the state of every unit file: that takes a second.
    listed = host.run("systemctl list-unit-files --no-legend --state=enabled,generated '*.swap'")
    # Since systemd 246, exit code 1 means that no unit matches.
    assert listed.rc in (0, 1), listed.stderr
    assert listed.stdout + listed.stderr == ""
