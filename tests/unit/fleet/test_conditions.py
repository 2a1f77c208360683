"""The problems and remedies that the state of Flux's objects and controllers leads to."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.fleet import conditions


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
def test_messages_have_a_remedy(message: str, words: str) -> None:
    [state] = conditions.read([item(message)])
    assert state.problem.startswith(f"{message}; ")
    assert words in state.problem


def test_ready_counts_only_for_the_current_generation_and_commit() -> None:
    done = item("Applied", "True", lastAppliedRevision="main@sha1:abc")
    assert list(conditions.not_following(conditions.read([done]), "abc")) == []
    assert [each.name for each in conditions.not_following(conditions.read([done]), "def")] == ["apps"]
    old = item("Applied", "True", observedGeneration=1)
    assert not conditions.read([old])[0].ready
    suspended = {**done, "spec": {**done["spec"], "suspend": True}}
    assert conditions.read([suspended])[0].problem == "is suspended; run `invoke flux-resume`"


def test_problems_of_controllers() -> None:
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
