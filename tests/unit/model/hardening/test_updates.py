from __future__ import annotations

import pytest

from skerry.model.hardening.updates import reboot_files, window
from tests.unit.conftest import MakeSettings


@pytest.mark.parametrize(
    ("text", "index", "calendar"),
    [("Sun 03:00", 0, "Sun *-*-* 03:00:00"), ("Sun 23:50", 1, "Mon *-*-* 00:20:00"),
     ("daily 03:00", 3, "*-*-* 04:30:00")],
)  # fmt: skip
def test_hosts_reboot_one_after_the_other(text: str, index: int, calendar: str) -> None:
    assert window(text, index) == calendar


def test_no_window_means_no_reboot(make_settings: MakeSettings) -> None:
    assert reboot_files(make_settings(reboot_window=""), 0) == []
    script = reboot_files(make_settings(reboot_drain_seconds=77), 0)[0].content
    assert "--timeout=77s" in script
    assert "$(hostname" in script
