"""The command and environment of a bootstrap, redaction, and host keys."""

from __future__ import annotations

import pytest

from skerry.fleet import bootstrap
from skerry.fleet.bootstrap import contradicting_key, pinned_keys
from skerry.model.flux_target import Target

GITHUB = Target("github", "org/fleet", "", "main", "clusters/production")
GIT = Target("git", "ssh://git@git.example.org/fleet.git", "", "main", "clusters/production", "/keys/flux")
TOKEN = "glpat-0123456789"


@pytest.mark.parametrize("forge", ["github", "gitlab", "gitea"])
def test_a_forge_is_named_in_argv_and_the_token_is_not(forge: str) -> None:
    target = Target(forge, "group/sub/fleet", "git.example.org", "main", "clusters/oslo", personal=True)
    argv = bootstrap.command("flux", target, "/k", "oslo")
    assert argv[:3] == ["flux", "bootstrap", forge]
    for word in ("--owner=group/sub", "--repository=fleet", "--hostname=git.example.org", "--personal=true"):
        assert word in argv
    assert not [word for word in argv if "token" in word or "password" in word]


def test_plain_git_uses_the_key_without_a_prompt() -> None:
    argv = bootstrap.command("flux", GIT, "/k", "oslo")
    assert argv[:3] == ["flux", "bootstrap", "git"]
    assert {"--url=ssh://git@git.example.org/fleet.git", "--private-key-file=/keys/flux", "--silent"} <= set(
        argv
    )


def test_git_sends_the_token_to_its_host_only() -> None:
    environment = bootstrap.git_environment(GITHUB, TOKEN)
    assert environment["GIT_CONFIG_KEY_0"] == "http.https://github.com/.extraHeader"
    assert TOKEN not in str(environment)  # base64; the header reaches no other host
    assert "StrictHostKeyChecking=yes" in bootstrap.git_environment(GIT, "")["GIT_SSH_COMMAND"]


def test_redaction() -> None:
    text = f"pushing {TOKEN} to https://me:{TOKEN}x@git.example.org/fleet"
    assert bootstrap.redact(text, [TOKEN, ""]) == "pushing *** to https://***@git.example.org/fleet"


OURS = "[git.example.org]:2222 ssh-ed25519 AAAA1\n# Host found: line 2\n|1|c2FsdA==|aGFzaA== ssh-rsa AAAA2\n"


@pytest.mark.parametrize(
    ("recorded", "known", "strange", "pinned"),
    [
        ("git ssh-ed25519 AAAA1\n", OURS, "", ""),
        ("git ecdsa-sha2-nistp256 AAAA9\n", OURS, "", "git ssh-ed25519 AAAA1\ngit ssh-rsa AAAA2\n"),
        ("git ssh-rsa AAAA9\n", OURS, "ssh-rsa", "git ssh-ed25519 AAAA1\ngit ssh-rsa AAAA2\n"),
        ("git ssh-rsa AAAA9\n", "", "", ""),
    ],
    ids=["the same", "of a kind that is not on record", "another of its kind", "nothing on record"],
)
def test_host_keys_that_flux_scanned(recorded: str, known: str, strange: str, pinned: str) -> None:
    assert contradicting_key(recorded, known) == strange
    assert pinned_keys(recorded, known, "git") == pinned
