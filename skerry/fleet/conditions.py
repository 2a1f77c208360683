"""The state of Flux's objects: whether each is Ready, and if not, why and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

# Patterns of messages, and what to do. From fluxcd/flux2 issues and the controllers' sources.
REMEDIES = (
    (r'secrets? "sops-age" not found', "run `invoke flux-bootstrap` again, which installs the key"),
    (r"cannot get sops data key|failed to decrypt", "run `invoke flux-bootstrap`, which installs the right key"),
    (r"is SOPS encrypted, configuring decryption", "add decryption to it; `invoke fleet-lint` shows where"),
    (r"illegal base64 data", "move the encrypted Secret out of flux-system/; `invoke fleet-lint` shows it"),
    (r"no matches for kind", "its CRD is not installed yet; add dependsOn to the Kustomization"),
    (r"path not found|kustomization path", "correct spec.path; `invoke fleet-lint` shows where"),
    (r"dependency '.*' is not ready", "see the Kustomization that it depends on"),
    (r"knownhosts|host key", "the Git server shows another host key; find out why"),
    (r"unable to authenticate|authentication required|handshake failed", "run `invoke rotate-deploy-key`"),
    (r"no such host|server misbehaving", "the name does not resolve in the cluster; check CoreDNS"),
    (r"i/o timeout|deadline exceeded|connection refused", "the cluster cannot reach it; check egress and firewall"),
    (r"ImagePullBackOff|pull access denied|manifest unknown", "the image cannot be pulled; check its name"),
    (r"health check failed|timeout waiting for", "an object that it applied is not Ready; see its pods"),
)  # fmt: skip


@dataclass(frozen=True)
class ObjectState:
    """The state of one of Flux's objects: whether it is Ready, at which revision, and if not, why and what to do."""

    kind: str
    namespace: str
    name: str
    ready: bool
    suspended: bool
    revision: str
    message: str
    remedy: str
    follows: bool = False
    """Whether its revision is a commit of the fleet repository."""

    @property
    def problem(self) -> str:
        """What is wrong and what to do; "" if nothing is wrong."""
        if self.suspended:
            return "is suspended; run `invoke flux-resume`"
        return "" if self.ready else f"{self.message or 'has not reported yet'}; {self.remedy}"


def read(items: Sequence[dict[str, Any]]) -> list[ObjectState]:
    """The states of the objects that `kubectl get -o json` lists: those not Ready first, sources before others."""
    order = {"GitRepository": 0, "Kustomization": 1}
    states = [_state(item) for item in items]
    return sorted(
        states, key=lambda state: (state.ready, order.get(state.kind, 2), state.namespace, state.name)
    )


def _state(item: dict[str, Any]) -> ObjectState:
    status, metadata, spec = item.get("status") or {}, item["metadata"], item.get("spec") or {}
    conditions: list[dict[str, Any]] = status.get("conditions") or []
    ready = next((condition for condition in conditions if condition.get("type") == "Ready"), {})
    # A condition of an older generation says nothing about the current spec.
    current = status.get("observedGeneration", metadata.get("generation")) == metadata.get("generation")
    # After the first sentence, SOPS lists why the key of every recipient is missing.
    message = re.sub(r" Group \d+: FAILED.*", "", " ".join(str(ready.get("message", "")).split()))
    source = spec.get("sourceRef") or {}
    return ObjectState(
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
    """The problems of Flux's own controllers, from the Deployments and Pods of their namespace."""
    for item in items:
        status, name = item.get("status") or {}, f"{item['kind']} flux-system/{item['metadata']['name']}"
        if item["kind"] == "Deployment" and not status.get("availableReplicas"):
            yield f"{name}: is not available; see its pods"
        for container in status.get("containerStatuses") or []:
            if waiting := (container.get("state") or {}).get("waiting"):
                message = " ".join(f"{waiting.get('reason', '')}: {waiting.get('message', '')}".split())
                yield f"{name}: {message}; {remedy(message)}"
        for condition in status.get("conditions") or []:
            if (condition.get("type"), condition.get("status")) == ("PodScheduled", "False"):
                yield f"{name}: {condition.get('message', '')}; make room on the nodes"


def remedy(message: str) -> str:
    """Returns what to do about the message of a condition; "see `flux logs`" if no pattern of REMEDIES matches."""
    return next(
        (text for pattern, text in REMEDIES if re.search(pattern, message, re.IGNORECASE)), "see `flux logs`"
    )


def not_following(states: Sequence[ObjectState], commit: str) -> Iterator[ObjectState]:
    """Yield the objects that are suspended, not Ready, or follow the repository but are not at `commit`.

    `commit` is a full hash; "" accepts any commit.
    """
    for state in states:
        if not state.ready or state.suspended or (state.follows and not state.revision.endswith(commit)):
            yield state
