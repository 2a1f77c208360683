"""The engine reads inventories as pyinfra does, and reports a user's mistake in one line without a traceback.

These tests also fail if a pyinfra release moves what skerry/runner/ and skerry/phases/host_spec.py use.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.local.paths import PROJECT


def engine(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "skerry.runner.engine", *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    (tmp_path / "group_data").symlink_to(PROJECT / "inventories" / "group_data")
    return tmp_path / "mine.py"


def test_the_worked_example_is_valid_and_has_its_place_in_it() -> None:
    shown = json.loads(engine("show", "inventories/oslo.py").stdout)
    assert shown["groups"] == {"servers": ["oslo-1"], "agents": []}
    assert shown["hosts"]["oslo-1"]["country"] == "NO"


def test_data_on_the_command_line_overrides_the_inventory() -> None:
    shown = json.loads(engine("show", "inventories/oslo.py", "--data", '{"max_pods": 50}').stdout)
    assert shown["hosts"]["oslo-1"]["max_pods"] == 50


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('servers = ["a"', "mine.py:1: '[' was never closed"),
        ('servers = ["a"]\nx = 1 / 0\n', "mine.py:2: ZeroDivisionError: division by zero"),
        ("import nowhere\n", "mine.py:1: ModuleNotFoundError: No module named 'nowhere'"),
        ("servers = []", "no hosts; put them in a list named servers"),
        ('servers = ["a", "a"]', "group servers: a is listed 2 times"),
        ('agents = ["a"]', "group servers: is empty"),
        ('server = ["a"]', "a: is in no group; list it in servers or agents"),
        ('servers = ["a", "b"]', "group servers: 2 servers with etcd"),
        ('servers = [("a", {"k3s_verison": "v1.36.3+k3s1"})]', "did you mean k3s_version?"),
        ('servers = [("a", {"k3s_version": "1.36"})]', "a: setting k3s_version: "),
        ('servers = [("a", {"k3s_version": "v1.99.0+k3s1"})]', "outside the known Kubernetes"),
        ('servers = [("a", {"max_pods": "110"})]', "max_pods: must be a whole number, is '110'"),
        ('servers = [("a", {"ssh_key": "/nowhere/key"})]', "there is no file /nowhere/key"),
        ('raise SystemExit("no lab host is running")', "no lab host is running"),
        (
            'servers = [("a", {"reserve": {"system": {"cpu": "1", "memory": "512"}, "kube": {}}})]',
            "'512' has no unit; write '512Mi'",
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(inventory: Path, text: str, words: str) -> None:
    inventory.write_text(text)
    result = engine("run", str(inventory), "deploy/k3s.py")
    assert result.returncode == 2
    assert result.stdout == ""
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_inventory_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    result = engine("show", str(tmp_path / "none.py"))
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
    assert "no such inventory" in result.stderr


def test_a_deploy_script_that_is_not_there_is_one_line(inventory: Path) -> None:
    inventory.write_text('servers = ["a"]')
    result = engine("run", str(inventory), "deploy/nothing.py")
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
    assert "deploy/nothing.py: no such deploy script" in result.stderr


def test_verifying_a_host_that_cannot_be_reached_is_one_line(inventory: Path) -> None:
    inventory.write_text('servers = [("a", {"ssh_hostname": "127.0.0.1", "ssh_port": 9})]')
    command = [str(Path(sys.executable).parent / "invoke"), "verify", str(inventory)]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
    assert "a: 127.0.0.1 port 9 cannot be reached" in result.stderr


def test_an_unknown_extent_is_one_line() -> None:
    command = [
        str(Path(sys.executable).parent / "invoke"),
        "verify",
        "inventories/oslo.py",
        "--extent",
        "foo",
    ]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "--extent is 'foo'; write prepare, harden, host, k3s\n"


def test_an_unreachable_host_is_one_line_with_what_to_look_at(inventory: Path) -> None:
    inventory.write_text('servers = [("a", {"ssh_hostname": "127.0.0.1", "ssh_port": 9})]')
    result = engine("run", str(inventory), "deploy/k3s.py")
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "127.0.0.1 port 9 cannot be reached" in result.stderr
    assert "no host was changed" in result.stderr


def test_pyinfra_itself_also_ends_with_2_and_no_traceback_for_bad_settings(inventory: Path) -> None:
    """With @local, which needs no SSH."""
    inventory.write_text('servers = [("@local", {"k3s_verison": "v1.36.3+k3s1"})]')
    command = [str(Path(sys.executable).parent / "pyinfra"), "--dry", str(inventory), "deploy/prepare.py"]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 2
    assert "did you mean k3s_version?" in result.stderr
    assert "Traceback" not in result.stderr
