"""The hand-off's pure parts: commands, environments, settings, versions, forges' answers, conditions."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from skerry.fleet import bootstrap, conditions, forges
from skerry.fleet.bootstrap import contradicting_key, pinned_keys
from skerry.model.errors import InputError
from skerry.model.flux import check_versions, repository_id
from skerry.model.flux_target import Target
from tests.unit.conftest import MakeSettings

GITHUB = Target("github", "org/fleet", "", "main", "clusters/production")
GIT = Target("git", "ssh://git@git.example.org/fleet.git", "", "main", "clusters/production", "/keys/flux")
TOKEN = "glpat-0123456789"
AT_GITHUB = {"flux_forge": "github", "flux_repository": "org/fleet", "flux_path": "clusters/production"}


@pytest.mark.parametrize("forge", ["github", "gitlab", "gitea"])
def test_a_forge_is_named_in_argv_and_the_token_is_not(forge: str) -> None:
    target = Target(forge, "group/sub/fleet", "git.example.org", "main", "clusters/oslo", personal=True)
    argv = bootstrap.command("flux", target, "/k", "oslo")
    assert argv[:3] == ["flux", "bootstrap", forge]
    for word in ("--owner=group/sub", "--repository=fleet", "--hostname=git.example.org", "--personal=true"):
        assert word in argv
    assert not [word for word in argv if "token" in word or "password" in word]


def test_plain_git_uses_the_key_and_asks_nothing() -> None:
    argv = bootstrap.command("flux", GIT, "/k", "oslo")
    assert argv[:3] == ["flux", "bootstrap", "git"]
    assert {"--url=ssh://git@git.example.org/fleet.git", "--private-key-file=/keys/flux", "--silent"} <= set(
        argv
    )


def test_gits_token_is_a_header_for_its_host_alone() -> None:
    environment = bootstrap.git_environment(GITHUB, TOKEN)
    assert environment["GIT_CONFIG_KEY_0"] == "http.https://github.com/.extraHeader"
    assert TOKEN not in str(environment)  # base64; the header reaches no other host
    assert "StrictHostKeyChecking=yes" in bootstrap.git_environment(GIT, "")["GIT_SSH_COMMAND"]


def test_redaction() -> None:
    text = f"pushing {TOKEN} to https://me:{TOKEN}x@git.example.org/fleet"
    assert bootstrap.redact(text, [TOKEN, ""]) == "pushing *** to https://***@git.example.org/fleet"


@pytest.mark.parametrize(
    "url",
    ["https://github.com/Org/fleet.git", "ssh://git@github.com/org/fleet", "git@github.com:org/fleet.git", "ssh://git@github.com:22/org/fleet/"],
)  # fmt: skip
def test_one_place_has_many_urls(url: str) -> None:
    assert repository_id(url) == "github.com/org/fleet"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"flux_repository": ""}, "flux_repository: is empty, but flux_forge is 'github'"),
        ({"flux_repository": "ssh://git@github.com/org/fleet"}, "does not go with flux_forge 'github'"),
        ({"flux_path": ""}, "flux_path: is empty"),
        ({"flux_path": "../x"}, "is not a cluster's folder"),
        ({"flux_path": "clusters/Production"}, "is not a cluster's folder"),
        ({"flux_branch": "a..b"}, "is not the name of a branch"),
        ({"flux_forge": "git"}, "does not go with flux_forge 'git'"),
        ({"flux_repository": "https://me:secret@github.com/org/fleet"}, "contains a password; remove it"),
    ],
)
def test_settings_are_refused_in_one_line(
    make_settings: MakeSettings, changes: dict[str, str], why: str
) -> None:
    with pytest.raises(InputError, match=why) as refusal:
        make_settings(**{**AT_GITHUB, **changes})
    assert "secret" not in str(refusal.value)


def test_the_version_matrix() -> None:
    check_versions("2.9.4", (1, 36))
    with pytest.raises(
        InputError, match=r"supports Kubernetes 1.33 to 1.35, the cluster runs 1.36; use Flux 2.9"
    ):
        check_versions("2.8.1", (1, 36))
    with pytest.raises(InputError, match="choose another k3s_version"):
        check_versions("2.9.4", (1, 22))
    with pytest.raises(InputError, match=r"outside the known versions 2.5 to 2.9"):
        check_versions("3.0.0", (1, 36))


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
def test_a_token_that_will_not_do(target: Target, answers: dict[str, tuple[int, Any]], why: str) -> None:
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
def test_a_token_that_will_do(target: Target, answers: dict[str, tuple[int, Any]]) -> None:
    forges.check(target, answering(answers))


def item(message: str, status: str = "False", **fields: object) -> dict[str, Any]:
    condition = {"type": "Ready", "status": status, "message": message}
    source = {"kind": "GitRepository", "name": "flux-system"}
    return {
        "kind": "Kustomization", "metadata": {"name": "apps", "namespace": "flux-system", "generation": 2},
        "spec": {"sourceRef": source}, "status": {"observedGeneration": 2, "conditions": [condition], **fields},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ('secrets "sops-age" not found', "flux-bootstrap"),
        ("cannot get sops data key for x", "flux-bootstrap"),
        ("unable to list remote: ssh: handshake failed: knownhosts: key mismatch", "another host key"),
        ("unable to list remote: ssh: handshake failed: ssh: unable to authenticate", "rotate-deploy-key"),
        ("Secret/a is SOPS encrypted, configuring decryption is required", "add decryption"),
        ("dial tcp: lookup git.example.org: no such host", "CoreDNS"),
        ("no matches for kind ClusterIssuer", "dependsOn"),
        ("something new", "flux logs"),
    ],
)
def test_conditions_come_with_a_remedy(message: str, words: str) -> None:
    [state] = conditions.read([item(message)])
    assert state.problem.startswith(f"{message}; ")
    assert words in state.problem


def test_ready_counts_for_the_wanted_generation_and_commit_alone() -> None:
    done = item("Applied", "True", lastAppliedRevision="main@sha1:abc")
    assert list(conditions.not_following(conditions.read([done]), "abc")) == []
    assert [each.name for each in conditions.not_following(conditions.read([done]), "def")] == ["apps"]
    old = item("Applied", "True", observedGeneration=1)
    assert not conditions.read([old])[0].ready
    suspended = {**done, "spec": {**done["spec"], "suspend": True}}
    assert conditions.read([suspended])[0].problem == "is suspended; run `invoke flux-resume`"


class Forge(BaseHTTPRequestHandler):
    """An API that knows one token, over plain HTTP on loopback."""

    def do_GET(self) -> None:
        given = self.headers.get("PRIVATE-TOKEN") or self.headers.get("Authorization", "").removeprefix(
            "token "
        )
        known = given == TOKEN
        body = json.dumps({"path": self.path}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.mark.parametrize(
    ("forge", "base"), [("github", "/api/v3"), ("gitlab", "/api/v4"), ("gitea", "/api/v1")]
)
def test_the_forge_is_asked_with_the_token_in_a_header(forge: str, base: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Forge) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        target = Target(forge, "org/fleet", f"127.0.0.1:{server.server_port}", "main", "clusters/production")
        assert forges.client(target, TOKEN, "http")("x") == (200, {"path": f"{base}/x"})
        with pytest.raises(InputError, match="has expired or is mistyped"):
            forges.check(target, forges.client(target, "another", "http"))
        server.shutdown()
    with pytest.raises(InputError, match=r"cannot be reached: .*; see flux_hostname") as refusal:
        forges.client(target, TOKEN, "http")("x")
    assert TOKEN not in str(refusal.value)


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
def test_host_keys_that_flux_was_shown(recorded: str, known: str, strange: str, pinned: str) -> None:
    assert contradicting_key(recorded, known) == strange
    assert pinned_keys(recorded, known, "git") == pinned


def test_what_keeps_controllers_from_running() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image\n "ghcr.io/fluxcd/x"'}
    unplaced = {
        "type": "PodScheduled",
        "status": "False",
        "message": "0/1 nodes are available: 1 Insufficient cpu.",
    }
    pods = (
        ("helm", {"containerStatuses": [{"state": {"running": {}}}],
          "conditions": [{"type": "PodScheduled", "status": "True"}]}),
        ("kustomize", {"containerStatuses": [{"state": {"waiting": waiting}}]}),
        ("source", {"conditions": [unplaced]}),
    )  # fmt: skip
    items: list[dict[str, Any]] = [
        {"kind": "Deployment", "metadata": {"name": "helm"}, "status": {"availableReplicas": 1}},
        {"kind": "Deployment", "metadata": {"name": "source"}, "status": {"unavailableReplicas": 1}},
        *({"kind": "Pod", "metadata": {"name": name}, "status": status} for name, status in pods),
    ]
    assert list(conditions.controllers(items)) == [
        "Deployment flux-system/source: is not available; see its pods",
        'Pod flux-system/kustomize: ImagePullBackOff: Back-off pulling image "ghcr.io/fluxcd/x"; '
        "the image cannot be pulled; check its name",
        "Pod flux-system/source: 0/1 nodes are available: 1 Insufficient cpu.; make room on the nodes",
    ]
