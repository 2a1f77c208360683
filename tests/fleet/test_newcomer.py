"""Run the README's commands, from an empty folder to a pushed repository with an encrypted Secret and no findings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.fleet.lint.run import lint
from tests.fleet.conftest import PLAINTEXT, PROJECT, SECRET, Server, git


def test_the_readmes_commands(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = (PROJECT / "README.md").read_text().partition("## The fleet")[2]
    block = re.search(r"\n\n((?:    .+\n)+)\n", section)
    assert block
    commands = [line.strip().partition("  #")[0] for line in block[1].splitlines()]
    assert len(commands) <= 6
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = You\n\temail = you@example.org\n")
    environment = {
        **os.environ,
        **server.environment(),
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    environment.pop("SKERRY_KEYS", None)
    said = ""
    for command in commands:
        real = command.replace("ssh://git@git.example.org/you/fleet.git", server.url)
        stdin = SECRET if "secrets-encrypt" in command else ""
        done = subprocess.run(
            ["bash", "-c", real],
            cwd=PROJECT,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{real}: {done.stderr}"
        said += done.stdout + done.stderr
    promised = re.search(r"0 problem\(s\) in \d+ manifests, \d+ overlays", block[1])
    assert promised
    assert promised[0] in said
    assert PLAINTEXT not in said
    there = tmp_path / "there"
    git(tmp_path, "clone", "--quiet", str(server.repository), str(there))
    assert lint(there).findings == []
    assert "ENC[AES256_GCM" in (there / "apps/production/nginx/password.sops.yaml").read_text()
    assert PLAINTEXT not in git(there, "log", "--patch")
