"""Which tokens the checks of a forge accept, and how its API is asked."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from skerry.fleet import forges
from skerry.model.errors import InputError
from skerry.model.flux_target import Target

GITHUB = Target("github", "org/fleet", "", "main", "clusters/production")
TOKEN = "glpat-0123456789"


def answering(answers: dict[str, tuple[int, Any]]) -> forges.Get:
    return lambda path: answers.get(path, (404, None))


ADMIN, WRITER = {"permissions": {"admin": True}}, {"permissions": {"push": True}}
GITLAB = Target("gitlab", "org/fleet", "", "main", "clusters/production")
GITEA = Target("gitea", "org/fleet", "git.example.org", "main", "clusters/production")
MAINTAINER = {"permissions": {"project_access": None, "group_access": {"access_level": 40}}}
DEVELOPER = {"permissions": {"project_access": {"access_level": 30}}}
REPO, PROJECT = "repos/org/fleet", "projects/org%2Ffleet"
BRANCH, LOCKED = f"{REPO}/branches/main", (200, {"protected": True})
LAB_RULE, TEA_RULE = f"{PROJECT}/protected_branches/main", f"{REPO}/branch_protections/main"
NOBODY, MAINTAINERS = ({"push_access_levels": [{"access_level": level}]} for level in (0, 40))
LENIENT = {"enforce_admins": {"enabled": False}}


@pytest.mark.parametrize(
    ("target", "answers", "why"),
    [
        (GITHUB, {REPO: (401, None)}, "GITHUB_TOKEN: github.com refuses it, because it has expired"),
        (GITHUB, {}, "sees no repository org/fleet at github.com"),
        (GITHUB, {REPO: (500, None)}, "answers with HTTP 500"),
        (GITHUB, {REPO: (200, WRITER)}, "may not create deploy keys"),
        (GITHUB, {REPO: (200, ADMIN), BRANCH: LOCKED}, "branch main of org/fleet is prot"),
        (GITLAB, {PROJECT: (200, DEVELOPER)}, "role Maint"),
        (GITLAB, {PROJECT: (200, MAINTAINER), LAB_RULE: (200, NOBODY)}, "is protected"),
        (GITEA, {REPO: (200, WRITER)}, "GITEA_TOKEN: may not create deploy keys"),
        (GITEA, {REPO: (200, ADMIN), TEA_RULE: (200, {"enable_push": False})}, "is protected"),
    ],
)  # fmt: skip
def test_tokens_that_are_refused(target: Target, answers: dict[str, tuple[int, Any]], why: str) -> None:
    with pytest.raises(InputError, match=why) as refusal:
        forges.check(target, answering(answers))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("target", "answers"),
    [
        (GITHUB, {REPO: (200, ADMIN), BRANCH: (200, {"protected": False})}),
        (GITHUB, {REPO: (200, ADMIN), BRANCH: LOCKED, f"{BRANCH}/protection": (200, LENIENT)}),
        (GITLAB, {PROJECT: (200, MAINTAINER), LAB_RULE: (200, MAINTAINERS)}),
        (GITEA, {REPO: (200, ADMIN), TEA_RULE: (200, {"enable_push": True})}),
    ],
)  # fmt: skip
def test_tokens_that_are_accepted(target: Target, answers: dict[str, tuple[int, Any]]) -> None:
    forges.check(target, answering(answers))


class Forge(BaseHTTPRequestHandler):
    """An API that accepts one token, over HTTP on loopback. Its path /login answers with a page."""

    def do_GET(self) -> None:
        given = self.headers.get("PRIVATE-TOKEN") or self.headers.get("Authorization", "").removeprefix(
            "token "
        )
        known = given == TOKEN
        body = json.dumps({"path": self.path}).encode()
        if self.path.endswith("/login"):
            body = b"<html>"
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.mark.parametrize(
    ("forge", "base"), [("github", "/api/v3"), ("gitlab", "/api/v4"), ("gitea", "/api/v1")]
)
def test_the_token_is_sent_in_a_header(forge: str, base: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Forge) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        target = Target(forge, "org/fleet", f"127.0.0.1:{server.server_port}", "main", "clusters/production")
        assert forges.client(target, TOKEN, "http")("x") == (200, {"path": f"{base}/x"})
        with pytest.raises(InputError, match="has expired or is mistyped"):
            forges.check(target, forges.client(target, "another", "http"))
        with pytest.raises(InputError, match="does not answer with JSON; see flux_hostname"):
            forges.client(target, TOKEN, "http")("login")
        server.shutdown()
    with pytest.raises(InputError, match=r"cannot be reached: .*; see flux_hostname") as refusal:
        forges.client(target, TOKEN, "http")("x")
    assert TOKEN not in str(refusal.value)
