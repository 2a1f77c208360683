"""Which problems of a host need attention."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from skerry.facts.health import HostHealth
from skerry.model.k3s.health import DAY_SECONDS, HOUR_SECONDS, Health, parse, problems
from skerry.model.settings.settings import Settings
from tests.unit.conftest import MakeSettings

NOW = 1_700_000_000
HEALTHY = Health(
    now=NOW,
    expires=NOW + 300 * DAY_SECONDS,
    certificate="serving-kube-apiserver.crt",
    snapshot=NOW - 3 * HOUR_SECONDS,
    free_bytes=20 << 30,
    reboot=False,
    restore=False,
    metrics="",
)


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    return make_settings()


def problems_of(health: Health, settings: Settings, role: str = "server", age_hours: int = 1000) -> list[str]:
    return list(problems(health, settings, role, NOW - age_hours * HOUR_SECONDS))  # type: ignore[arg-type]


def test_a_healthy_host_has_no_problems(settings: Settings) -> None:
    assert problems_of(HEALTHY, settings) == []
    assert (HEALTHY.certificate_days, HEALTHY.snapshot_hours) == (300, 3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"expires": NOW + 29 * DAY_SECONDS}, "serving-kube-apiserver.crt expires in 29 days"),
        ({"snapshot": NOW - 26 * HOUR_SECONDS}, "the newest snapshot is 26 h old"),
        ({"snapshot": 0}, "the newest snapshot does not exist"),
        ({"free_bytes": 3 << 30}, "3.0 GiB free in /var/lib, but min_disk_free_gib is 10"),
        ({"restore": True}, "a restore was interrupted"),
    ],
)
def test_problems_are_reported_with_figures(settings: Settings, change: dict[str, int], words: str) -> None:
    [problem] = problems_of(replace(HEALTHY, **change), settings)  # type: ignore[arg-type]
    assert words in problem


def test_a_young_cluster_an_agent_and_sqlite_need_no_snapshot(
    settings: Settings, make_settings: MakeSettings
) -> None:
    none = replace(HEALTHY, snapshot=0)
    assert problems_of(none, settings, age_hours=24) == []
    assert problems_of(none, settings, "agent") == []
    assert problems_of(none, make_settings(k3s_datastore="sqlite")) == []
    assert problems_of(none, make_settings(snapshot_schedule="")) == []


def test_a_pending_reboot_is_a_problem_only_without_a_reboot_window(
    settings: Settings, make_settings: MakeSettings
) -> None:
    pending = replace(HEALTHY, reboot=True)
    assert problems_of(pending, settings) == []
    for other in (make_settings(reboot_window=""), make_settings(harden=False)):
        [problem] = problems_of(pending, other)
        assert "invoke reboot" in problem


def test_the_script_describes_this_machine(tmp_path: Path) -> None:
    (tmp_path / "etcd-snapshot-1").touch()
    command = HostHealth().command(str(tmp_path))
    lines = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    health = parse(lines)
    assert 0 <= health.now - health.snapshot <= 5
    assert health.free_bytes > 0
    assert health.snapshot_hours == 0
