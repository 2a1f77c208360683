"""What README and tutorial tell a newcomer to type, run for real: an empty folder to a pushed, encrypted repository.

Real here: invoke, sops, age, kustomize, Git, SSH. Put in their place: the Git server's URL, the home folder, and the
terminal into which a Secret is pasted. The tutorial's commands that need a cluster (flux-bootstrap, flux-status) are
only parsed, by tests/unit/docs/test_commands.py; tests/fleet/test_handoff.py runs these tasks with stand-ins.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.fleet.lint.run import lint
from skerry.local.paths import PROJECT
from tests.documents import Command, commands
from tests.fleet.conftest import PLAINTEXT, SECRET, Server, git

SHOWN = "ssh://git@git.example.org/you/fleet.git"
NEEDS_A_CLUSTER = ("invoke flux-",)
EXIT_CODES = {"secrets-check": 3}  # the tutorial says so: the recovery key is still here


class Newcomer:
    """A user with a home of their own, who types commands in the project's folder."""

    def __init__(self, server: Server, home: Path) -> None:
        home.mkdir()
        (home / ".gitconfig").write_text("[user]\n\tname = You\n\temail = you@example.org\n")
        self._url = server.url
        self._environment = {
            **os.environ,
            **server.environment(),
            "HOME": str(home),
            "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self._environment.pop("SKERRY_KEYS", None)

    def type(self, command: Command) -> str:
        """Run a command as it stands on the page, and return what it said."""
        done = subprocess.run(
            ["bash", "-c", command.text.replace(SHOWN, self._url)],
            cwd=PROJECT, env=self._environment, input=SECRET if "secrets-encrypt" in command.text else "",
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        expected = next((code for task, code in EXIT_CODES.items() if task in command.text), 0)
        assert done.returncode == expected, f"{command.where}: {command.text}: {done.stderr}"
        return done.stdout + done.stderr


def test_the_readmes_commands(server: Server, tmp_path: Path) -> None:
    readme = PROJECT / "README.md"
    shown = commands(readme, section="The fleet repository")
    assert 0 < len(shown) <= 6
    newcomer = Newcomer(server, tmp_path / "home")
    said = "".join(map(newcomer.type, shown))
    promised = re.search(
        r"0 problem\(s\) in \d+ manifests, \d+ overlays", " ".join(readme.read_text().split())
    )
    assert promised
    assert promised[0] in said
    assert PLAINTEXT not in said
    _assert_pushed_and_encrypted(server, tmp_path / "there")


def test_the_tutorials_commands(server: Server, tmp_path: Path) -> None:
    shown = commands(PROJECT / "docs" / "tutorial" / "3-git.md")
    newcomer = Newcomer(server, tmp_path / "home")
    (tmp_path / "home" / ".ssh").mkdir()
    said = "".join(
        newcomer.type(command) for command in shown if not command.text.startswith(NEEDS_A_CLUSTER)
    )
    assert PLAINTEXT not in said
    assert (tmp_path / "home" / ".ssh" / "fleet-bergen.pub").is_file()
    _assert_pushed_and_encrypted(server, tmp_path / "there")
    assert (tmp_path / "there" / "apps" / "production" / "shop" / "kustomization.yaml").is_file()


def _assert_pushed_and_encrypted(server: Server, there: Path) -> None:
    """What a clone of the pushed branch holds."""
    git(there.parent, "clone", "--quiet", str(server.repository), str(there))
    assert lint(there).findings == []
    assert "ENC[AES256_GCM" in (there / "apps/production/nginx/password.sops.yaml").read_text()
    assert PLAINTEXT not in git(there, "log", "--patch")


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial/3-git.md"])
def test_only_known_commands_are_left_out(page: str) -> None:
    """What these tests leave out is named, so that a new command is run or added there on purpose."""
    shown = commands(PROJECT / page, section="The fleet repository" if page == "README.md" else "")
    left_out = {command.text for command in shown if command.text.startswith(NEEDS_A_CLUSTER)}
    assert left_out <= {
        "invoke flux-bootstrap inventories/bergen.py",
        "invoke flux-status inventories/bergen.py",
    }
