"""Flux's traps: what renders well and then does not reconcile."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from skerry.fleet import keys
from skerry.fleet.lint import leaks, manifests, patches
from skerry.fleet.lint.documents import Document, Finding, Source, line_of
from skerry.fleet.lint.render import NAMES, referenced

FLUX_KUSTOMIZATION = "kustomize.toolkit.fluxcd.io"


@dataclass(frozen=True)
class Repository:
    """A fleet repository, read: its files and, by folder, its kustomizations."""

    root: Path
    sources: list[Source]
    kustomizations: Mapping[str, Source]

    @property
    def clusters(self) -> list[str]:
        """The folders below clusters/, each followed by one cluster."""
        names = {
            Path(source.path).parts[1]
            for source in self.sources
            if source.path.startswith("clusters/") and source.path.count("/") > 1
        }
        return [f"clusters/{name}" for name in sorted(names)]

    def below(self, folder: str) -> list[Source]:
        return [source for source in self.sources if folder == "." or source.path.startswith(f"{folder}/")]

    def reached(self, folder: str, seen: frozenset[str] = frozenset()) -> list[Source]:
        """The files that applying a folder takes in: what its kustomization lists, else all below it."""
        if folder in seen:
            return []
        if folder not in self.kustomizations:
            return self.below(folder)
        found: list[Source] = []
        for path in referenced(folder, self.kustomizations[folder]):
            found += [source for source in self.sources if source.path == path]
            if path in self.kustomizations:
                found += self.reached(path, seen | {folder})
        return found


def check(repository: Repository) -> Iterator[Finding]:
    """Every trap in the repository."""
    tree = patches.Tree(repository.sources, repository.kustomizations)
    for folder, source in repository.kustomizations.items():
        yield from patches.check(tree, folder, source)
    yield from _check_listed(repository)
    for cluster in repository.clusters:
        flux = list(_flux_kustomizations(repository, cluster))
        yield from _check_root(repository, cluster)
        yield from _check_names(flux)
        yield from _check_dependencies(flux)
        for source, document in flux:
            yield from _check_path(repository, tree, source, document)
    config = keys.load_config(repository.root)
    for source in repository.sources:
        yield from manifests.check(config, source)


def _check_listed(repository: Repository) -> Iterator[Finding]:
    """Manifests beside a kustomization that does not mention them: nobody applies these."""
    for source in repository.sources:
        folder, _, name = source.path.rpartition("/")
        kustomization = repository.kustomizations.get(folder)
        if kustomization and source.documents and name not in NAMES and name not in kustomization.text:
            problem = f"{kustomization.path} does not mention this file, so that nothing applies it"
            yield Finding("unlisted", source.path, 1, problem, "list it under resources", "warning")


def _flux_kustomizations(repository: Repository, cluster: str) -> Iterator[tuple[Source, Document]]:
    for source in repository.below(cluster):
        for document in source.documents:
            if document.kind == "Kustomization" and document.group == FLUX_KUSTOMIZATION:
                yield source, document


def _check_root(repository: Repository, cluster: str) -> Iterator[Finding]:
    """What the cluster's own folder must and must not hold: its root Kustomization is Flux's and cannot decrypt."""
    root = repository.kustomizations.get(cluster)
    if root and f"{cluster}/flux-system" not in referenced(cluster, root):
        problem = (
            "the cluster's kustomization leaves out flux-system, so that Flux would stop managing itself"
        )
        yield Finding(
            "flux-system", root.path, 1, problem, "add flux-system to its resources, or delete this file"
        )
    for source in repository.reached(cluster):
        if any(leaks.is_encrypted(document.value) for document in source.documents):
            inside = "flux-system/" if source.path.startswith(f"{cluster}/flux-system/") else f"{cluster}/"
            problem = f"an encrypted file in {inside} is applied by Flux's own Kustomization, which does not decrypt"
            yield Finding("flux-system", source.path, 1, problem, "move it below apps or infrastructure")


def _check_names(flux: list[tuple[Source, Document]]) -> Iterator[Finding]:
    counted = Counter((document.namespace, document.name) for _, document in flux)
    for source, document in flux:
        if counted[document.namespace, document.name] > 1:
            problem = f"Kustomization {document.name} stands more than once in this cluster"
            yield Finding("flux", source.path, document.line, problem, "give each its own name")


def _check_dependencies(flux: list[tuple[Source, Document]]) -> Iterator[Finding]:
    graph = {(document.namespace, document.name): _depends(document) for _, document in flux}
    for source, document in flux:
        for namespace, name in _depends(document):
            if (namespace, name) not in graph:
                problem = (
                    f"{document.name} depends on {name}, which this cluster does not have in {namespace}"
                )
                yield Finding(
                    "depends", source.path, line_of(source, document, name), problem, "correct dependsOn"
                )
        if circle := _circle(graph, (document.namespace, document.name)):
            problem = f"dependsOn goes in a circle: {' -> '.join(name for _, name in circle)}; none of them ever starts"
            yield Finding(
                "depends", source.path, line_of(source, document, "dependsOn"), problem, "remove one of them"
            )


def _depends(document: Document) -> list[tuple[str, str]]:
    given = document.spec.get("dependsOn")
    return [
        (str(each.get("namespace") or document.namespace), str(each.get("name")))
        for each in (given if isinstance(given, list) else [])
        if isinstance(each, dict)
    ]


def _circle(
    graph: dict[tuple[str, str], list[tuple[str, str]]], start: tuple[str, str]
) -> list[tuple[str, str]]:
    """A way along dependsOn from `start` back to it, empty when there is none."""
    queue, seen = [[start]], {start}
    while queue:
        way = queue.pop(0)
        for following in graph.get(way[-1], []):
            if following == start:
                return [*way, start]
            if following not in seen:
                seen.add(following)
                queue.append([*way, following])
    return []


def _check_path(
    repository: Repository, tree: patches.Tree, source: Source, document: Document
) -> Iterator[Finding]:
    """spec.path: it exists, what is encrypted there is decrypted, and the patches hit something."""
    reference = document.spec.get("sourceRef")
    elsewhere = not isinstance(reference, dict) or (reference.get("kind"), reference.get("name")) != (
        "GitRepository",
        "flux-system",
    )
    if elsewhere:
        return
    folder = os.path.normpath(str(document.spec.get("path") or ".").lstrip("/") or ".")
    if not (repository.root / folder).is_dir():
        problem = f"{document.name}: there is no folder {document.spec.get('path')}"
        yield Finding("path", source.path, line_of(source, document, "path:"), problem, "correct spec.path")
        return
    if folder in repository.clusters and not source.path.startswith(f"{folder}/flux-system/"):
        problem = f"{document.name} applies {folder} itself, which holds this very file"
        yield Finding("path", source.path, line_of(source, document, "path:"), problem, "correct spec.path")
        return
    decryption = document.spec.get("decryption")
    if not (isinstance(decryption, dict) and decryption.get("provider") == "sops"):
        for each in repository.reached(folder):
            if any(leaks.is_encrypted(one.value) for one in each.documents):
                problem = f"{document.name} has no decryption, and {each.path} is encrypted"
                remedy = "add decryption with provider sops and secretRef sops-age"
                yield Finding("decryption", source.path, document.line, problem, remedy)
                break
    known = folder in repository.kustomizations
    yield from patches.check_flux(
        tree.resources(folder) if known else tree.plain_folder(folder), document, source
    )
