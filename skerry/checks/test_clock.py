"""The time service runs, and the clock is synchronised."""

from typing import Any

import pytest

from skerry.model.preparation.clock import UNITS
from skerry.model.settings.settings import Settings


@pytest.fixture
def unit(settings: Settings) -> str:
    if settings.time_sync == "none":
        pytest.skip('time_sync = "none": the platform keeps the time')
    return UNITS[settings.time_sync]


def test_the_time_service_starts_at_boot(host: Any, unit: str) -> None:
    assert host.service(unit).is_enabled


@pytest.mark.usefixtures("own_kernel")
def test_the_time_service_runs(host: Any, unit: str) -> None:
    assert host.service(unit).is_running


@pytest.mark.usefixtures("own_kernel")
def test_the_clock_is_synchronised(host: Any, settings: Settings) -> None:
    if not settings.clock_sync_required:
        pytest.skip("clock_sync_required = False: no time server in reach")
    assert host.check_output("timedatectl show -p NTPSynchronized --value") == "yes"
