"""Drift of several clusters: one that cannot be looked at does not hide the others."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skerry.commands.hosts import drift
from skerry.commands.inventory import load_all
from skerry.model.errors import InputError
from skerry.remote.inventory import Inventory


def inventory(name: str) -> Inventory:
    server = SimpleNamespace(settings=SimpleNamespace(flux_forge="none"))
    return cast(Inventory, SimpleNamespace(name=name, path=Path(f"{name}.py"), first_server=server))


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a look at each cluster finds."""
    found: dict[str, Any] = {"oslo": {"a": []}, "bergen": {"b": ["K3s | Link the version"]}}

    def look(inventory: Inventory, deploy: str) -> dict[str, list[str]]:
        if isinstance(answer := found[inventory.name], Exception):
            raise answer
        return cast(dict[str, list[str]], answer)

    monkeypatch.setattr(drift, "host_drift", look)
    return found


def test_each_cluster_is_told_and_one_that_drifts_decides(
    looks: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert drift.drift([inventory("oslo"), inventory("bergen")], "deploy/k3s.py", as_json=True) == 3
    shown = json.loads(capsys.readouterr().out)
    assert [(each["cluster"], each["drift"]) for each in shown] == [("oslo", False), ("bergen", True)]
    assert drift.drift([inventory("oslo")], "deploy/k3s.py", as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["hosts"] == {"a": []}


def test_a_cluster_that_is_away_does_not_hide_the_others(
    looks: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    looks["bergen"] = InputError("b: cannot be reached")
    assert drift.drift([inventory("bergen"), inventory("oslo")], "deploy/k3s.py", as_json=False) == 3
    shown = capsys.readouterr().out
    assert "bergen: b: cannot be reached" in shown
    assert "Both layers are as wanted." in shown
    with pytest.raises(InputError, match="cannot be reached"):
        drift.drift([inventory("bergen")], "deploy/k3s.py", as_json=False)


def test_inventories_are_named_and_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.commands.inventory.load", lambda path: inventory(Path(path).stem))
    assert [each.name for each in load_all("a/oslo.py, b/bergen.py")] == ["oslo", "bergen"]
    with pytest.raises(InputError, match="oslo: is named twice"):
        load_all("a/oslo.py,b/oslo.py")
    with pytest.raises(InputError, match="name at least one"):
        load_all(" ,")
