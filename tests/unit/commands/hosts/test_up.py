"""The stages of `invoke up`: one for each phase of the run, and the checks that belong to the script's phases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skerry.commands.hosts import up
from skerry.commands.hosts.up import imported_phases, phase_stages, verify_stage
from skerry.commands.hosts.verify import CHECKS, EXTENTS, Outcome, checks_of_phases, show
from skerry.commands.stages import Stage
from skerry.local.paths import PROJECT
from skerry.model.errors import InputError


def line(operation: str, result: str, seconds: float, host: str = "a") -> dict[str, object]:
    return {"event": "end", "host": host, "operation": operation, "result": result, "seconds": seconds}


def test_a_stage_sums_up_the_operations_of_its_phase() -> None:
    lines: list[dict[str, object]] = [
        {"event": "run"},
        line("Preflight | Look at every host", "unchanged", 0.5, host=""),
        line("Swap | Keep swap off at boot", "changed", 1.0),
        line("Swap | Turn swap off", "unchanged", 0.5),
        line("Kernel | Load", "unchanged", 0.25),
        line("K3s | Start", "failed", 9.0),
    ]
    assert phase_stages(lines) == [
        Stage("Preflight", "done", "", 0.5),
        Stage("Swap", "done", "1 changed", 1.5),
        Stage("Kernel", "unchanged", "", 0.25),
        Stage("K3s", "failed", "a: Start", 9.0),
    ]


def test_a_failed_phase_stays_failed_when_another_host_succeeds() -> None:
    [stage] = phase_stages(
        [line("K3s | Start", "failed", 1.0), line("K3s | Start", "changed", 1.0, host="b")]
    )
    assert stage.result == "failed"


@pytest.mark.parametrize(
    ("script", "checks"),
    [
        ("deploy/prepare.py", EXTENTS["prepare"]),
        ("deploy/harden.py", EXTENTS["harden"]),
        ("deploy/k3s.py", EXTENTS["k3s"]),
        ("deploy/disk.py", ()),
        ("deploy/flux.py", ()),
        ("deploy/unharden.py", ()),
        ("deploy/uninstall.py", ()),
    ],
)
def test_our_own_scripts_are_verified_by_what_they_deploy(script: str, checks: tuple[str, ...]) -> None:
    assert tuple(checks_of_phases(imported_phases(script))) == checks


def test_every_file_of_checks_belongs_to_phases() -> None:
    files = {path.stem.removeprefix("test_") for path in (PROJECT / "skerry" / "checks").glob("test_*.py")}
    assert set(CHECKS) == files


def test_a_users_script_is_verified_by_its_phases(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "from pyinfra.operations import server\nfrom skerry.phases.swap import swap\n"
        "import skerry.phases.clock as clock\nfrom skerry.phases.ssh import ssh\nswap()\n"
    )
    assert imported_phases(str(script)) == {"swap", "clock", "ssh"}
    assert checks_of_phases(imported_phases(str(script))) == ["clock", "swap"]


def test_a_script_without_phases_is_not_verified_and_does_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    inventory: Any = object()
    monkeypatch.setattr(up, "load", lambda path: inventory)
    monkeypatch.setattr(up, "trust", lambda inventory: None)
    monkeypatch.setattr(up, "flux_token", lambda inventory, phases: {})
    monkeypatch.setattr(up, "deploy", lambda *arguments: (0, [Stage("Mine", "done")]))
    code, stages = up.up("inventories/oslo.py", "deploy/mine.py", check=True)
    assert (code, [(stage.name, stage.result) for stage in stages]) == (
        0,
        [("Mine", "done"), ("Verify", "skipped")],
    )


def test_a_failed_check_fails_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "verify", lambda inventory, checks, quiet: Outcome(3, 1, 0))
    inventory: Any = None
    assert verify_stage(inventory, ["swap"]) == Stage(
        "Verify", "failed", "3 passed, 1 failed, 0 skipped; see above"
    )


def test_an_unknown_extent_is_refused_before_any_host_is_reached() -> None:
    inventory: Any = None
    with pytest.raises(InputError, match="--extent is 'foo'; write prepare, harden, host, k3s"):
        show(inventory, "foo")
