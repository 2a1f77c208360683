"""Checks across files: what renders but would not reconcile once Flux applies it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

from skerry.fleet import sops_config
from skerry.fleet.lint import leaks, manifests, patches
from skerry.fleet.lint.documents import Document, SourceFile, line_of
from skerry.fleet.lint.finding import LintFinding
from skerry.fleet.lint.render import KUSTOMIZATION_NAMES, referenced
from skerry.fleet.lint.repository import Repository

FLUX_KUSTOMIZATION = "kustomize.toolkit.fluxcd.io"

Name = tuple[str, str]
"""Namespace and name of a Flux Kustomization."""


def check(repository: Repository) -> Iterator[LintFinding]:
    """The findings about kustomizations, Flux Kustomizations and single manifests."""
    tree = patches.ResourceTree(repository.files, repository.kustomizations)
    for folder, file in repository.kustomizations.items():
        yield from patches.check(tree, folder, file)
    yield from _check_listed(repository)
    for cluster in repository.clusters:
        kustomizations = list(_flux_kustomizations(repository, cluster))
        yield from _check_root(repository, cluster)
        yield from _check_names(kustomizations)
        yield from _check_dependencies(kustomizations)
        for file, document in kustomizations:
            yield from _check_path(repository, tree, file, document)
    config = sops_config.load(repository.root)
    for file in repository.files:
        yield from manifests.check(config, file)


def _check_listed(repository: Repository) -> Iterator[LintFinding]:
    """Find manifests that the kustomization in the same folder does not mention."""
    for file in repository.files:
        folder, _, name = file.path.rpartition("/")
        kustomization = repository.kustomizations.get(folder)
        if (
            kustomization
            and file.documents
            and name not in KUSTOMIZATION_NAMES
            and name not in kustomization.text
        ):
            problem = f"{kustomization.path} does not mention this file, so that nothing applies it"
            yield LintFinding("unlisted", file.path, 1, problem, "list it under resources", "warning")


def _flux_kustomizations(repository: Repository, cluster: str) -> Iterator[tuple[SourceFile, Document]]:
    for file in repository.below(cluster):
        for document in file.documents:
            if document.kind == "Kustomization" and document.group == FLUX_KUSTOMIZATION:
                yield file, document


def _check_root(repository: Repository, cluster: str) -> Iterator[LintFinding]:
    """Check a cluster's own folder, which Flux's Kustomization flux-system applies, and which is never decrypted."""
    root = repository.kustomizations.get(cluster)
    if root and f"{cluster}/flux-system" not in referenced(cluster, root):
        problem = (
            "the cluster's kustomization leaves out flux-system, so that Flux would stop managing itself"
        )
        remedy = "add flux-system to its resources, or delete this file"
        yield LintFinding("flux-system", root.path, 1, problem, remedy)
    for file in repository.applied(cluster):
        if leaks.has_encrypted(file):
            folder = "flux-system/" if file.path.startswith(f"{cluster}/flux-system/") else f"{cluster}/"
            problem = f"an encrypted file in {folder} is applied by Flux's own Kustomization, which does not decrypt"
            yield LintFinding("flux-system", file.path, 1, problem, "move it below apps or infrastructure")


def _check_names(kustomizations: list[tuple[SourceFile, Document]]) -> Iterator[LintFinding]:
    counts = Counter(_name(document) for _, document in kustomizations)
    for file, document in kustomizations:
        if counts[_name(document)] > 1:
            problem = f"Kustomization {document.name} is defined more than once in this cluster"
            yield LintFinding("flux", file.path, document.line, problem, "give each its own name")


def _check_dependencies(kustomizations: list[tuple[SourceFile, Document]]) -> Iterator[LintFinding]:
    graph = {_name(document): _dependencies(document) for _, document in kustomizations}
    for file, document in kustomizations:
        for namespace, name in _dependencies(document):
            if (namespace, name) not in graph:
                line = line_of(file, document, name)
                problem = (
                    f"{document.name} depends on {name}, which this cluster does not have in {namespace}"
                )
                yield LintFinding("depends", file.path, line, problem, "correct dependsOn")
        if cycle := _cycle(graph, _name(document)):
            line = line_of(file, document, "dependsOn")
            problem = (
                f"dependsOn is circular: {' -> '.join(name for _, name in cycle)}; none of these ever starts"
            )
            yield LintFinding("depends", file.path, line, problem, "remove one of them")


def _name(document: Document) -> Name:
    return document.namespace, document.name


def _dependencies(document: Document) -> list[Name]:
    depends_on = document.spec.get("dependsOn")
    return [
        (str(entry.get("namespace") or document.namespace), str(entry.get("name")))
        for entry in (depends_on if isinstance(depends_on, list) else [])
        if isinstance(entry, dict)
    ]


def _cycle(graph: dict[Name, list[Name]], start: Name) -> list[Name]:
    """The shortest path along dependsOn from `start` back to it, empty if there is none."""
    queue, seen = [[start]], {start}
    while queue:
        path = queue.pop(0)
        for dependency in graph.get(path[-1], []):
            if dependency == start:
                return [*path, start]
            if dependency not in seen:
                seen.add(dependency)
                queue.append([*path, dependency])
    return []


def _check_path(
    repository: Repository, tree: patches.ResourceTree, file: SourceFile, document: Document
) -> Iterator[LintFinding]:
    """Check spec.path: the folder exists, encrypted files in it are decrypted, and patches match a resource."""
    reference = document.spec.get("sourceRef")
    if not isinstance(reference, dict) or (reference.get("kind"), reference.get("name")) != (
        "GitRepository",
        "flux-system",
    ):
        return
    folder = os.path.normpath(str(document.spec.get("path") or ".").lstrip("/") or ".")
    problem = ""
    if not (repository.root / folder).is_dir():
        problem = f"{document.name}: there is no folder {document.spec.get('path')}"
    elif folder in repository.clusters and not file.path.startswith(f"{folder}/flux-system/"):
        problem = f"{document.name} applies {folder}, which holds this file, so that it applies itself"
    if problem:
        line = line_of(file, document, "path:")
        yield LintFinding("path", file.path, line, problem, "correct spec.path")
        return
    yield from _check_decryption(repository, folder, file, document)
    has_kustomization = folder in repository.kustomizations
    resources = tree.resources(folder) if has_kustomization else tree.plain_folder(folder)
    yield from patches.check_flux(resources, document, file)


def _check_decryption(
    repository: Repository, folder: str, file: SourceFile, document: Document
) -> Iterator[LintFinding]:
    decryption = document.spec.get("decryption")
    if isinstance(decryption, dict) and decryption.get("provider") == "sops":
        return
    encrypted = next((source for source in repository.applied(folder) if leaks.has_encrypted(source)), None)
    if encrypted:
        problem = f"{document.name} has no decryption, and {encrypted.path} is encrypted"
        remedy = "add decryption with provider sops and secretRef sops-age"
        yield LintFinding("decryption", file.path, document.line, problem, remedy)
