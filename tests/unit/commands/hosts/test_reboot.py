"""Which hosts a rolling reboot takes when a call before it was cut off. Hosts are answers of a dictionary here."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from skerry.commands.hosts import reboot

BOOTS = {"a": "second", "b": "first", "c": "second"}  # now; the roll began when all were at their first
HALF_WAY = "c"


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What was done to which host, in order."""
    hosts = [SimpleNamespace(name=name) for name in BOOTS]
    inventory = SimpleNamespace(name="harbour", path=tmp_path / "harbour.py", hosts=hosts)
    done: list[str] = []
    monkeypatch.setattr(reboot, "REBOOTS", tmp_path / "reboots")
    monkeypatch.setattr(reboot, "load", lambda path: inventory)
    monkeypatch.setattr(reboot, "cluster_lock", lambda path: nullcontext())
    answers = {name: {reboot.READ_BOOT_ID: boot} for name, boot in BOOTS.items()}
    monkeypatch.setattr(
        reboot,
        "shell",
        lambda host, command: answers[host.name].get(command, "node" * (host.name == HALF_WAY)),
    )
    monkeypatch.setattr(reboot, "_reboot_one", lambda inventory, host: done.append(f"roll {host.name}"))
    monkeypatch.setattr(reboot, "_finish", lambda inventory, host: done.append(f"finish {host.name}"))
    record = tmp_path / "reboots" / "harbour.json"
    record.parent.mkdir()
    record.write_text(json.dumps(dict.fromkeys(BOOTS, "first")))
    return done


def test_the_next_call_goes_on_where_one_was_cut_off(
    done: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reboot.reboot("harbour.py")
    assert done == ["roll b", "finish c"]
    assert "a: was rebooted by an earlier call" in capsys.readouterr().err
    assert not (tmp_path / "reboots" / "harbour.json").exists()


@pytest.mark.parametrize(("host", "wanted"), [("a", "roll a"), ("b", "roll b"), ("c", "finish c")])
def test_a_host_that_is_named_boots_also_if_it_has_booted_before(
    done: list[str], host: str, wanted: str
) -> None:
    reboot.reboot("harbour.py", host)
    assert done == [wanted]
