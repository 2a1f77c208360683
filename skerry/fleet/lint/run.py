"""The whole lint: files, leaks, traps, rendering, schemas."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from skerry.fleet import record
from skerry.fleet.lint import leaks, manifests, traps
from skerry.fleet.lint.documents import Document, Finding, Source, read_repository
from skerry.fleet.lint.render import Rendered, kustomizations, overlays, render
from skerry.fleet.lint.schemas import Catalogue
from skerry.model.errors import InputError


@dataclass
class Report:
    """What the lint found and how much it looked at. `unknown` are kinds no schema could be found for."""

    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    manifests: int = 0
    overlays: int = 0
    unknown: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        return not any(finding.level == "error" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "clean": self.clean}


def lint(root: Path) -> Report:
    """Everything wrong with the repository at `root`. Raises InputError when it is none, or a tool is missing."""
    begun = time.monotonic()
    entries = record.load(root)
    sources = read_repository(root)
    found = kustomizations(sources)
    report = Report(
        files=len(sources), manifests=sum(bool(each.kind) for source in sources for each in source.documents)
    )
    repository = traps.Repository(root, sources, found)
    folders = [folder for folder in overlays(found) if not _unbootstrapped(repository, folder)]
    with ThreadPoolExecutor(1) as pool:
        rendering = pool.submit(render, root, folders)  # meanwhile this process has enough to do
        findings = _look(repository)
        documents = [each for source in sources for each in source.documents]
        catalogue = Catalogue(entries.kubernetes, entries.flux, documents)
        rendered = rendering.result()
    report.overlays = len(rendered)
    findings += _check_rendered(
        catalogue, repository, rendered, report, any(each.rule == leaks.RULE for each in findings)
    )
    report.findings = sorted(set(findings), key=lambda each: (each.level, each.file, each.line, each.problem))
    report.unknown = sorted(set(report.unknown))
    report.seconds = time.monotonic() - begun
    return report


def _look(repository: traps.Repository) -> list[Finding]:
    """What the files themselves show."""
    findings = [source.broken for source in repository.sources if source.broken]
    for source in repository.sources:
        findings += [*leaks.check(source), *leaks.check_generated(repository.root, source)]
    return [*findings, *traps.check(repository)]


def _check_rendered(
    catalogue: Catalogue, repository: traps.Repository, rendered: list[Rendered], report: Report, leaky: bool
) -> list[Finding]:
    """What kustomize makes of it, and what Flux applies as it is. With `leaky` the leaking files are known."""
    findings: list[Finding] = []
    places = _places(repository.sources)
    for each in rendered:
        if each.problem:
            if not any(source.broken for source in repository.sources):  # else that says why, and where
                findings.append(each.problem)
        elif not leaky:
            findings += leaks.check_rendered(each.documents, each.folder)
        findings += _validate(catalogue, each.documents, places, report, each.folder)
    for source in _applied_as_they_are(repository):
        findings += _validate(catalogue, source.documents, places, report, "")
    return findings


def _unbootstrapped(repository: traps.Repository, folder: str) -> bool:
    """A cluster's root kustomization before bootstrap: flux-system/ is not there to be rendered yet."""
    return folder in repository.clusters and not (repository.root / folder / "flux-system").is_dir()


def _applied_as_they_are(repository: traps.Repository) -> list[Source]:
    """Files that Flux applies without a kustomization: those of the clusters' own folders."""
    return [
        source
        for cluster in repository.clusters
        if cluster not in repository.kustomizations
        for source in repository.below(cluster)
        if f"{cluster}/flux-system/" not in source.path
    ]


Places = dict[tuple[str, str], list[tuple[Source, Document]]]


def _places(sources: list[Source]) -> Places:
    """Where manifests stand, by kind and name, so that a finding in rendered text names a file."""
    places: Places = {}
    for source in sources:
        for document in source.documents:
            places.setdefault((document.kind, document.name), []).append((source, document))
    return places


def _validate(
    catalogue: Catalogue, documents: list[Document], places: Places, report: Report, folder: str
) -> Iterator[Finding]:
    for document in documents:
        if not document.kind or (
            document.kind == "Kustomization" and document.group == "kustomize.config.k8s.io"
        ):
            continue
        try:
            validator = catalogue.validator(document.api_version, document.kind)
        except LookupError:
            served = catalogue.served(document.group, document.kind)
            if document.group in manifests.CURRENT and served:
                continue  # told as a deprecated API of Flux already
            remedy = f"write {' or '.join(served)}" if served else "see `kubectl api-resources`"
            problem = f"{document.api_version} has no {document.kind}"
            yield _finding(document, places, folder, "api", problem, remedy, "apiVersion")
            continue
        if validator is None:
            report.unknown.append(f"{document.api_version} {document.kind}")
            continue
        value = {key: each for key, each in document.value.items() if key != "sops"}
        for error in validator.iter_errors(value):
            if "${" not in str(error.instance):
                yield _schema_finding(document, places, folder, error)


def _schema_finding(document: Document, places: Places, folder: str, error: Any) -> Finding:
    place = ".".join(str(part) for part in error.instance_path) or "the manifest"
    message = re.sub(
        r"^.{200,}?( (?:is not|has|does not|was)\b)", r"the value\1", str(error.message), flags=re.DOTALL
    )
    unexpected = re.search(r"\('([^']+)'", message)
    word = (
        unexpected[1]
        if unexpected
        else str(error.instance_path[-1])
        if error.instance_path
        else document.kind
    )
    problem = f"{document.kind} {document.name}: {place}: {message[:200]}"
    return _finding(document, places, folder, "schema", problem, "see `kubectl explain`", word)


def _finding(
    document: Document, places: Places, folder: str, rule: str, problem: str, remedy: str, word: str
) -> Finding:
    """At the line of the file that says it, where one does; else at the folder that renders it."""
    candidates = places.get((document.kind, document.name), [])
    if folder:
        problem = f"{problem} (rendering {folder})"
    for source, origin in candidates:
        lines = source.text.splitlines()
        for number in range(origin.line - 1, len(lines)):
            if re.search(rf"\b{re.escape(word)}\b", lines[number]):
                return Finding(rule, source.path, number + 1, problem, remedy)
    if candidates:
        return Finding(rule, candidates[0][0].path, candidates[0][1].line, problem, remedy)
    return Finding(rule, document.file, document.line if not folder else 1, problem, remedy)


@contextmanager
def staged(root: Path) -> Iterator[Path]:
    """A copy of what is staged for the next commit, gone at the end. Raises InputError outside Git."""
    with tempfile.TemporaryDirectory(prefix="skerry-") as folder:
        copy = Path(folder, root.name)
        copy.mkdir()
        command = ["git", "-C", str(root), "checkout-index", "--all", f"--prefix={copy}/"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError(f"{root}: is no Git repository: {done.stderr.strip()}; run `git init`")
        yield copy
