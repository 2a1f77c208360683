"""One shell answers many questions, each as if it had been asked alone."""

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
def test_an_answer_is_what_the_command_says(
    shell: Shell, command: str, code: int, stdout: str, stderr: str
) -> None:
    answer = shell.run(command)
    assert (answer.rc, answer.stdout, answer.stderr) == (code, stdout, stderr)


def test_a_command_that_is_none_does_not_end_the_shell(shell: Shell) -> None:
    assert shell.run("if").rc != 0
    assert shell.run("echo %s", "it's").stdout == "it's\n"


def test_what_was_asked_ahead_is_not_asked_again_until_it_is_forgotten(shell: Shell, tmp_path: Path) -> None:
    commands = [f"echo {number} | tee -a {tmp_path}/asked" for number in range(2 * BATCH_SIZE + 1)]
    shell.submit([*commands, *commands])
    assert [shell.run(each).stdout for each in reversed(commands)] == [
        f"{number}\n" for number in reversed(range(len(commands)))
    ]
    asked = tmp_path / "asked"
    assert len(asked.read_text().splitlines()) == len(commands)
    shell.clear_cache()
    shell.run(commands[0])
    assert len(asked.read_text().splitlines()) == len(commands) + 1


def test_testinfra_asks_through_it(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content\n")
    assert Host(shell).file(str(tmp_path / "file")).content_string == "content\n"


def test_a_lost_connection_is_said(shell: Shell) -> None:
    with pytest.raises(RuntimeError, match="a: the connection was lost"):
        shell.run("kill -9 $$")
