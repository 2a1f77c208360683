"""Which hosts a rolling reboot takes after an interrupted call. Each host is a dictionary of answers."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from skerry.commands.hosts import reboot

# Boot ids now; when the rolling reboot began, all were "first".
BOOTS = {"a": "second", "b": "first", "c": "second"}
CORDONED = "c"


@pytest.fixture
def actions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What was done to which host, in order."""
    hosts = [SimpleNamespace(name=name) for name in BOOTS]
    inventory = SimpleNamespace(name="harbour", path=tmp_path / "harbour.py", hosts=hosts)
    actions: list[str] = []
    monkeypatch.setattr(reboot, "REBOOTS", tmp_path / "reboots")
    monkeypatch.setattr(reboot, "load", lambda path: inventory)
    monkeypatch.setattr(reboot, "cluster_lock", lambda path: nullcontext())
    answers = {name: {reboot.READ_BOOT_ID: boot} for name, boot in BOOTS.items()}
    monkeypatch.setattr(
        reboot,
        "shell",
        lambda host, command: answers[host.name].get(command, "node" * (host.name == CORDONED)),
    )
    monkeypatch.setattr(reboot, "_reboot_one", lambda inventory, host: actions.append(f"reboot {host.name}"))
    monkeypatch.setattr(reboot, "_finish", lambda inventory, host: actions.append(f"finish {host.name}"))
    record = tmp_path / "reboots" / "harbour.json"
    record.parent.mkdir()
    record.write_text(json.dumps(dict.fromkeys(BOOTS, "first")))
    return actions


def test_a_call_continues_an_interrupted_one(
    actions: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reboot.reboot("harbour.py")
    assert actions == ["reboot b", "finish c"]
    assert "a: was rebooted by an earlier call" in capsys.readouterr().err
    assert not (tmp_path / "reboots" / "harbour.json").exists()


@pytest.mark.parametrize(("host", "expected"), [("a", "reboot a"), ("b", "reboot b"), ("c", "finish c")])
def test_a_named_host_is_rebooted_even_if_it_has_booted_since(
    actions: list[str], host: str, expected: str
) -> None:
    reboot.reboot("harbour.py", host)
    assert actions == [expected]
