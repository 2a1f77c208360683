"""What Flux's objects say about themselves, in plain words with the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

# A cause in Flux's or Kubernetes' words, and what to do. From fluxcd/flux2 issues and the controllers' sources.
REMEDIES = (
    (r'secrets? "sops-age" not found', "run `invoke flux-bootstrap` again: it puts the key there"),
    (r"cannot get sops data key|failed to decrypt", "`invoke flux-bootstrap` puts the right key there"),
    (r"is SOPS encrypted, configuring decryption", "add decryption to it; `invoke fleet-lint` finds it"),
    (r"illegal base64 data", "an encrypted Secret lies in flux-system/; move it; `invoke fleet-lint` finds it"),
    (r"no matches for kind", "its CRD is not there yet; put the resource behind dependsOn"),
    (r"path not found|kustomization path", "correct spec.path; `invoke fleet-lint` finds it"),
    (r"dependency '.*' is not ready", "see what it depends on"),
    (r"knownhosts|host key", "the Git server shows another host key; find out why"),
    (r"unable to authenticate|authentication required|handshake failed", "run `invoke rotate-deploy-key`"),
    (r"no such host|server misbehaving", "the name does not resolve in the cluster; look at CoreDNS"),
    (r"i/o timeout|deadline exceeded|connection refused", "the cluster cannot reach it; see egress, firewall"),
    (r"ImagePullBackOff|pull access denied|manifest unknown", "an image cannot be pulled; look at its name"),
    (r"health check failed|timeout waiting for", "what it applied is not Ready; see its pods"),
)  # fmt: skip


@dataclass(frozen=True)
class State:
    """One of Flux's objects: whether it is Ready, at which revision, and if not, why and what to do."""

    kind: str
    namespace: str
    name: str
    ready: bool
    suspended: bool
    revision: str
    message: str
    remedy: str
    follows: bool = False
    """Whether its revision is that of the fleet repository."""

    @property
    def problem(self) -> str:
        """What is wrong, "" when nothing is."""
        if self.suspended:
            return "is suspended; `invoke flux-resume`"
        return "" if self.ready else f"{self.message or 'has not reported yet'}; {self.remedy}"


def read(items: Sequence[dict[str, Any]]) -> list[State]:
    """The states in what `kubectl get -o json` lists, sources first, those not Ready before the others."""
    order = {"GitRepository": 0, "Kustomization": 1}
    states = [_state(item) for item in items]
    return sorted(states, key=lambda each: (each.ready, order.get(each.kind, 2), each.namespace, each.name))


def _state(item: dict[str, Any]) -> State:
    status, metadata, spec = item.get("status") or {}, item["metadata"], item.get("spec") or {}
    conditions: list[dict[str, Any]] = status.get("conditions") or []
    ready = next((each for each in conditions if each.get("type") == "Ready"), {})
    # A condition about an older generation says nothing about what is wanted now.
    current = status.get("observedGeneration", metadata.get("generation")) == metadata.get("generation")
    # SOPS tells of each recipient why its key is not at hand; the first sentence says it all.
    message = re.sub(r" Group \d+: FAILED.*", "", " ".join(str(ready.get("message", "")).split()))
    source = spec.get("sourceRef") or {}
    return State(
        kind=item["kind"],
        namespace=str(metadata.get("namespace", "")),
        name=str(metadata["name"]),
        ready=ready.get("status") == "True" and current,
        suspended=bool(spec.get("suspend")),
        revision=str(
            status.get("lastAppliedRevision") or (status.get("artifact") or {}).get("revision") or ""
        ),
        message=message,
        remedy=remedy(message),
        follows=(item["kind"], metadata["name"]) == ("GitRepository", "flux-system")
        or (source.get("kind"), source.get("name")) == ("GitRepository", "flux-system"),
    )


def controllers(items: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What keeps Flux's own controllers from running, of its Deployments and Pods."""
    for item in items:
        status, place = item.get("status") or {}, f"{item['kind']} flux-system/{item['metadata']['name']}"
        if item["kind"] == "Deployment" and not status.get("availableReplicas"):
            yield f"{place}: is not available; its pods tell why"
        for container in status.get("containerStatuses") or []:
            if waiting := (container.get("state") or {}).get("waiting"):
                message = " ".join(f"{waiting.get('reason', '')}: {waiting.get('message', '')}".split())
                yield f"{place}: {message}; {remedy(message)}"
        for condition in status.get("conditions") or []:
            if (condition.get("type"), condition.get("status")) == ("PodScheduled", "False"):
                yield f"{place}: {condition.get('message', '')}; make room on the nodes"


def remedy(message: str) -> str:
    """What to do about a condition's message."""
    return next(
        (words for cause, words in REMEDIES if re.search(cause, message, re.IGNORECASE)), "see `flux logs`"
    )


def not_following(states: Sequence[State], commit: str) -> Iterator[State]:
    """Those that are not Ready, or whose revision is another than `commit` (a full hash; "" for any)."""
    for each in states:
        if not each.ready or each.suspended or (each.follows and not each.revision.endswith(commit)):
            yield each
