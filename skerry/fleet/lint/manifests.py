"""What is wrong with a manifest on its own: its API, its name, for whom it is encrypted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from skerry.fleet import keys
from skerry.fleet.lint import leaks
from skerry.fleet.lint.documents import Document, Finding, Source, line_of
from skerry.fleet.names import LABEL, SUBDOMAIN

# Removed from Flux: kustomize and source v1beta1, helm v2beta1 in 2.7; source and kustomize v1beta2, helm v2beta2
# in 2.8; image v1beta2 and notification v1beta2 in 2.9 (release notes of fluxcd/flux2).
CURRENT = {
    "kustomize.toolkit.fluxcd.io": "v1",
    "source.toolkit.fluxcd.io": "v1",
    "helm.toolkit.fluxcd.io": "v2",
    "image.toolkit.fluxcd.io": "v1",
}


def check(config: dict[str, Any], source: Source) -> Iterator[Finding]:
    """What is wrong with the manifests of a file; `config` is .sops.yaml."""
    yield from _check_recipients(config, source)
    for document in source.documents:
        yield from _check_api(source, document)
        yield from _check_name(source, document)


def _check_recipients(config: dict[str, Any], source: Source) -> Iterator[Finding]:
    """An encrypted file is for exactly the keys that .sops.yaml names for it; else some cluster cannot read it."""
    if not any(leaks.is_encrypted(document.value) for document in source.documents):
        return
    wanted = set(keys.recipients_for(config, source.path))
    if not wanted:
        yield Finding(
            "recipients",
            source.path,
            1,
            "no rule in .sops.yaml covers this encrypted file",
            "rename it, or run `invoke secrets-init`",
        )
    elif leaks.recipients(source) != wanted:
        yield Finding(
            "recipients",
            source.path,
            1,
            "is encrypted for other keys than .sops.yaml names",
            "run `invoke secrets-rotate`",
        )


def _check_api(source: Source, document: Document) -> Iterator[Finding]:
    current = CURRENT.get(document.group)
    if current and document.api_version != f"{document.group}/{current}":
        problem = f"{document.kind} {document.name} uses {document.api_version}, which Flux no longer serves"
        line = line_of(source, document, document.api_version)
        yield Finding("api", source.path, line, problem, f"write {document.group}/{current}")
    if document.group == "kustomize.config.k8s.io" and isinstance(document.value, dict):
        for old, new in (
            ("bases", "resources"),
            ("patchesStrategicMerge", "patches"),
            ("patchesJson6902", "patches"),
            ("commonLabels", "labels"),
        ):
            if old in document.value:
                problem = f"{old} is deprecated in kustomize"
                yield Finding(
                    "api", source.path, line_of(source, document, f"{old}:"), problem, f"use {new}", "warning"
                )


def _check_name(source: Source, document: Document) -> Iterator[Finding]:
    """https://kubernetes.io/docs/concepts/overview/working-with-objects/names/"""
    if not document.api_version or not document.kind or document.group == "rbac.authorization.k8s.io":
        return
    for what, value, form in (
        ("name", document.metadata.get("name"), SUBDOMAIN),
        ("namespace", document.metadata.get("namespace"), LABEL),
    ):
        if (
            value is not None
            and "${" not in str(value)
            and not (isinstance(value, str) and form.fullmatch(value))
        ):
            problem = f"{document.kind} has the {what} {value!r}, which Kubernetes refuses"
            line = line_of(source, document, str(value))
            yield Finding("name", source.path, line, problem, "use a-z, 0-9, '-' (and '.' in names), a text")
