"""One shell runs many commands, each as if it ran alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from testinfra.host import Host

from skerry.checks.shell import BATCH_SIZE, Shell


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Test double of ssh: a shell on this machine."""
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\nexec sh\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    shell = Shell("a", "config")
    yield shell
    shell.close()


@pytest.mark.parametrize(
    ("command", "code", "stdout", "stderr"),
    [
        ("printf 'no newline'", 0, "no newline", ""),
        ("echo one; echo two >&2; exit 7", 7, "one\n", "two\n"),
        ('echo "it\'s $((1 + 1))"', 0, "it's 2\n", ""),
        ("cat", 0, "", ""),
        ("printf 'å\\n\\n'", 0, "å\n\n", ""),
        ("false", 1, "", ""),
    ],
)
def test_a_result_is_that_of_the_command(
    shell: Shell, command: str, code: int, stdout: str, stderr: str
) -> None:
    result = shell.run(command)
    assert (result.rc, result.stdout, result.stderr) == (code, stdout, stderr)


def test_a_syntax_error_does_not_end_the_shell(shell: Shell) -> None:
    assert shell.run("if").rc != 0
    assert shell.run("echo %s", "it's").stdout == "it's\n"


def test_a_submitted_command_runs_once_until_the_cache_is_cleared(shell: Shell, tmp_path: Path) -> None:
    commands = [f"echo {number} | tee -a {tmp_path}/ran" for number in range(2 * BATCH_SIZE + 1)]
    shell.submit([*commands, *commands])
    assert [shell.run(command).stdout for command in reversed(commands)] == [
        f"{number}\n" for number in reversed(range(len(commands)))
    ]
    ran = tmp_path / "ran"
    assert len(ran.read_text().splitlines()) == len(commands)
    shell.clear_cache()
    shell.run(commands[0])
    assert len(ran.read_text().splitlines()) == len(commands) + 1


def test_testinfra_uses_it(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content\n")
    assert Host(shell).file(str(tmp_path / "file")).content_string == "content\n"


def test_a_lost_connection_is_reported(shell: Shell) -> None:
    with pytest.raises(RuntimeError, match="a: the connection was lost"):
        shell.run("kill -9 $$")
