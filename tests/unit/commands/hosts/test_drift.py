"""Drift of several clusters: one that cannot be compared does not hide the others."""

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
def changes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a run would change in each cluster, or the error that comparing it raises."""
    changes: dict[str, Any] = {"oslo": {"a": []}, "bergen": {"b": ["K3s | Link the version"]}}

    def host_drift(inventory: Inventory, deploy: str) -> dict[str, list[str]]:
        if isinstance(result := changes[inventory.name], Exception):
            raise result
        return cast(dict[str, list[str]], result)

    monkeypatch.setattr(drift, "host_drift", host_drift)
    return changes


def test_every_cluster_is_listed_and_one_with_drift_decides(
    changes: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert drift.drift([inventory("oslo"), inventory("bergen")], "deploy/k3s.py", as_json=True) == 3
    shown = json.loads(capsys.readouterr().out)
    assert [(cluster["cluster"], cluster["drift"]) for cluster in shown] == [
        ("oslo", False),
        ("bergen", True),
    ]
    assert drift.drift([inventory("oslo")], "deploy/k3s.py", as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["hosts"] == {"a": []}


def test_a_cluster_that_cannot_be_reached_does_not_hide_the_others(
    changes: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    changes["bergen"] = InputError("b: cannot be reached")
    assert drift.drift([inventory("bergen"), inventory("oslo")], "deploy/k3s.py", as_json=False) == 3
    shown = capsys.readouterr().out
    assert "bergen: b: cannot be reached" in shown
    assert "Both layers are as wanted." in shown
    with pytest.raises(InputError, match="cannot be reached"):
        drift.drift([inventory("bergen")], "deploy/k3s.py", as_json=False)


def test_inventories_are_named_and_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.commands.inventory.load", lambda path: inventory(Path(path).stem))
    assert [cluster.name for cluster in load_all("a/oslo.py, b/bergen.py")] == ["oslo", "bergen"]
    with pytest.raises(InputError, match="oslo: is named twice"):
        load_all("a/oslo.py,b/oslo.py")
    with pytest.raises(InputError, match="name at least one"):
        load_all(" ,")
