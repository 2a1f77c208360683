"""Checks of one manifest on its own: its API version, its name, the keys that it is encrypted for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from skerry.fleet import sops_config
from skerry.fleet.lint import leaks
from skerry.fleet.lint.documents import Document, SourceFile, line_of
from skerry.fleet.lint.finding import LintFinding
from skerry.model.kubernetes_names import DNS_LABEL, DNS_SUBDOMAIN

# The API versions that Flux serves. Removed: kustomize and source v1beta1, helm v2beta1 in 2.7; source and kustomize
# v1beta2, helm v2beta2 in 2.8; image v1beta2 and notification v1beta2 in 2.9 (release notes of fluxcd/flux2).
CURRENT = {
    "kustomize.toolkit.fluxcd.io": "v1",
    "source.toolkit.fluxcd.io": "v1",
    "helm.toolkit.fluxcd.io": "v2",
    "image.toolkit.fluxcd.io": "v1",
}

# Deprecated fields of a kustomization, and what replaces them.
DEPRECATED = {
    "bases": "resources",
    "patchesStrategicMerge": "patches",
    "patchesJson6902": "patches",
    "commonLabels": "labels",
}


def check(config: dict[str, Any], file: SourceFile) -> Iterator[LintFinding]:
    """The findings about the manifests of a file. `config` is the content of .sops.yaml."""
    yield from _check_recipients(config, file)
    for document in file.documents:
        yield from _check_api(file, document)
        yield from _check_name(file, document)


def _check_recipients(config: dict[str, Any], file: SourceFile) -> Iterator[LintFinding]:
    """An encrypted file needs exactly the recipients that .sops.yaml lists; else some cluster cannot read it."""
    if not leaks.has_encrypted(file):
        return
    expected = set(sops_config.recipients_for(config, file.path))
    if not expected:
        problem = "no rule in .sops.yaml covers this encrypted file"
        yield LintFinding("recipients", file.path, 1, problem, "rename it, or run `invoke secrets-init`")
    elif leaks.recipients(file) != expected:
        problem = "is encrypted for other keys than .sops.yaml names"
        yield LintFinding("recipients", file.path, 1, problem, "run `invoke secrets-rotate`")


def _check_api(file: SourceFile, document: Document) -> Iterator[LintFinding]:
    current = CURRENT.get(document.group)
    if current and document.api_version != f"{document.group}/{current}":
        problem = f"{document.kind} {document.name} uses {document.api_version}, which Flux no longer serves"
        line = line_of(file, document, document.api_version)
        yield LintFinding("api", file.path, line, problem, f"write {document.group}/{current}")
    if document.group == "kustomize.config.k8s.io" and isinstance(document.value, dict):
        for old, new in DEPRECATED.items():
            if old in document.value:
                line = line_of(file, document, f"{old}:")
                problem = f"{old} is deprecated in kustomize"
                yield LintFinding("api", file.path, line, problem, f"use {new}", "warning")


def _check_name(file: SourceFile, document: Document) -> Iterator[LintFinding]:
    """Check name and namespace, except of RBAC objects, whose names are free.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
    """
    if not document.api_version or not document.kind or document.group == "rbac.authorization.k8s.io":
        return
    for field, form in (("name", DNS_SUBDOMAIN), ("namespace", DNS_LABEL)):
        value = document.metadata.get(field)
        if value is None or "${" in str(value) or (isinstance(value, str) and form.fullmatch(value)):
            continue
        problem = f"{document.kind} has the {field} {value!r}, which Kubernetes refuses"
        line = line_of(file, document, str(value))
        remedy = "use a string of a-z, 0-9 and '-', in names also '.'"
        yield LintFinding("name", file.path, line, problem, remedy)
