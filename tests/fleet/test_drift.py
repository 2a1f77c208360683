"""Drift of hosts, which pyinfra compares over real SSH, and of Flux, whose answers come from a stand-in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from skerry.commands.hosts.drift import drift, host_drift
from skerry.model.errors import InputError
from skerry.remote.inventory import Inventory
from tests.fleet.conftest import Server, with_settings

DEPLOY = str(Path(__file__).parent / "drift_deploy.py")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SKERRY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SKERRY_TEST_FILE", str(tmp_path / "file"))
    return tmp_path / "file"


def test_both_layers_with_and_without_drift(
    file: Path, inventory: Inventory, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert drift([inventory], DEPLOY, as_json=True) == 3
    assert json.loads(capsys.readouterr().out) == {
        "cluster": "harbour",
        "drift": True,
        "hosts": {"harbour-1": ["Drift | Create the file"]},
        "flux": ["Flux is not installed; run `invoke flux-bootstrap`"],
        "error": "",
    }
    assert not file.exists()
    file.touch()
    condition = {"type": "Ready", "status": "True", "message": "Applied"}
    source = {"kind": "GitRepository", "metadata": {"name": "flux-system", "namespace": "flux-system"}}
    server.set_state(
        {
            "gitrepository/flux-system/flux-system": {
                **source,
                "spec": {},
                "status": {"conditions": [condition]},
            }
        }
    )
    assert drift([inventory], DEPLOY, as_json=True) == 0
    capsys.readouterr()
    failed = {**condition, "status": "False", "message": "failed to checkout: i/o timeout"}
    server.set_state(
        {"gitrepository/flux-system/flux-system": {**source, "spec": {}, "status": {"conditions": [failed]}}}
    )
    assert drift([inventory], DEPLOY, as_json=False) == 3
    assert "failed to checkout" in capsys.readouterr().out


def test_a_cluster_without_hand_off_has_no_drift(file: Path, inventory: Inventory) -> None:
    file.touch()
    assert drift([with_settings(inventory, flux_forge="none")], DEPLOY, as_json=True) == 0


def test_a_cluster_that_cannot_be_compared_does_not_hide_the_others(
    file: Path, inventory: Inventory, capsys: pytest.CaptureFixture[str]
) -> None:
    file.touch()
    reachable, absent = (
        with_settings(inventory, flux_forge="none"),
        replace(inventory, name="bergen", path=file),
    )
    assert drift([absent, reachable], DEPLOY, as_json=True) == 3
    bergen, harbour = json.loads(capsys.readouterr().out)
    assert (bergen["cluster"], bergen["drift"], bergen["error"].count("\n")) == ("bergen", True, 0)
    assert str(file) in bergen["error"]
    assert (harbour["cluster"], harbour["drift"], harbour["error"]) == ("harbour", False, "")


def test_an_unreachable_host_is_one_line(file: Path, inventory: Inventory, server: Server) -> None:
    (server.folder / "authorized_keys").write_text("")
    with pytest.raises(InputError, match="does not accept") as refusal:
        host_drift(inventory, DEPLOY)
    assert "\n" not in str(refusal.value)
