"""Run all checks on a repository."""

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

from skerry.fleet import metadata
from skerry.fleet.lint import flux, leaks, manifests, rendered_leaks
from skerry.fleet.lint.documents import Document, SourceFile, read_repository
from skerry.fleet.lint.finding import LintFinding
from skerry.fleet.lint.render import Rendered, find_kustomizations, overlays, render
from skerry.fleet.lint.repository import Repository
from skerry.fleet.lint.schemas import Catalogue
from skerry.model.errors import InputError


@dataclass
class LintReport:
    """The findings, how much was checked, and in `unknown` the kinds for which there is no schema."""

    findings: list[LintFinding] = field(default_factory=list)
    files: int = 0
    manifests: int = 0
    overlays: int = 0
    unknown: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether there are no errors. There may be warnings."""
        return not any(finding.level == "error" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "clean": self.clean}


def lint(root: Path) -> LintReport:
    """Check the repository at `root`. Raises InputError if it is not a fleet repository or a tool is missing."""
    start = time.monotonic()
    fleet = metadata.load(root)
    files = read_repository(root)
    documents = [document for file in files for document in file.documents]
    repository = Repository(root, files, find_kustomizations(files))
    report = LintReport(files=len(files), manifests=sum(bool(document.kind) for document in documents))
    folders = [
        folder for folder in overlays(repository.kustomizations) if not _unbootstrapped(repository, folder)
    ]
    with ThreadPoolExecutor(1) as pool:
        # kustomize's processes render while this one checks the files.
        rendering = pool.submit(render, root, folders)
        findings = _check_files(repository)
        catalogue = Catalogue(fleet.kubernetes, fleet.flux, documents)
        rendered = rendering.result()
    report.overlays = len(rendered)
    findings += _check_rendered(
        repository, rendered, leaky=any(finding.rule == leaks.RULE for finding in findings)
    )
    findings += _check_schemas(catalogue, repository, rendered, report)
    report.findings = sorted(
        set(findings), key=lambda finding: (finding.level, finding.file, finding.line, finding.problem)
    )
    report.unknown = sorted(set(report.unknown))
    report.seconds = time.monotonic() - start
    return report


def _unbootstrapped(repository: Repository, folder: str) -> bool:
    """Whether this is a cluster's own folder before the bootstrap: it cannot render, because it has no flux-system/."""
    return folder in repository.clusters and not (repository.root / folder / "flux-system").is_dir()


def _check_files(repository: Repository) -> list[LintFinding]:
    """The findings about the files as they are."""
    findings = [file.broken for file in repository.files if file.broken]
    for file in repository.files:
        findings += [*leaks.check(file), *leaks.check_generated(repository.root, file)]
    return [*findings, *flux.check(repository)]


def _check_rendered(repository: Repository, rendered: list[Rendered], leaky: bool) -> Iterator[LintFinding]:
    """The findings about rendered folders. With `leaky`, leaks are already reported by the files that hold them."""
    broken = any(file.broken for file in repository.files)
    for overlay in rendered:
        # If a file is not YAML, that is reported already, and may be why the folder does not render.
        if overlay.problem and not broken:
            yield overlay.problem
        if not overlay.problem and not leaky:
            yield from rendered_leaks.check(overlay.documents, overlay.folder)


Origins = dict[tuple[str, str], list[tuple[SourceFile, Document]]]
"""The files and documents that define a manifest, by its kind and name."""


def _check_schemas(
    catalogue: Catalogue, repository: Repository, rendered: list[Rendered], report: LintReport
) -> Iterator[LintFinding]:
    """The findings about rendered manifests and about those that Flux applies without a kustomization."""
    origins: Origins = {}
    for file in repository.files:
        for document in file.documents:
            origins.setdefault((document.kind, document.name), []).append((file, document))
    for overlay in rendered:
        yield from _validate(catalogue, overlay.documents, origins, report, overlay.folder)
    for cluster in repository.clusters:
        if cluster not in repository.kustomizations:
            for file in repository.below(cluster):
                if f"{cluster}/flux-system/" not in file.path:
                    yield from _validate(catalogue, file.documents, origins, report, "")


def _validate(
    catalogue: Catalogue, documents: list[Document], origins: Origins, report: LintReport, folder: str
) -> Iterator[LintFinding]:
    for document in documents:
        if not document.kind or (
            document.kind == "Kustomization" and document.group == "kustomize.config.k8s.io"
        ):
            continue
        try:
            validator = catalogue.validator(document.api_version, document.kind)
        except LookupError:
            served = catalogue.served(document.group, document.kind)
            # manifests.check reports the old APIs of Flux.
            if not (document.group in manifests.CURRENT and served):
                remedy = f"write {' or '.join(served)}" if served else "see `kubectl api-resources`"
                problem = f"{document.api_version} has no {document.kind}"
                yield _finding(document, origins, folder, "api", problem, remedy, "apiVersion")
            continue
        if validator is None:
            report.unknown.append(f"{document.api_version} {document.kind}")
            continue
        value = {key: child for key, child in document.value.items() if key != "sops"}
        for error in validator.iter_errors(value):
            if "${" not in str(error.instance):
                yield _schema_finding(document, origins, folder, error)


def _schema_finding(document: Document, origins: Origins, folder: str, error: Any) -> LintFinding:
    path = ".".join(str(part) for part in error.instance_path) or "the manifest"
    message = re.sub(
        r"^.{200,}?( (?:is not|has|does not|was)\b)", r"the value\1", str(error.message), flags=re.DOTALL
    )
    word = document.kind
    if unexpected := re.search(r"\('([^']+)'", message):
        word = unexpected[1]
    elif error.instance_path:
        word = str(error.instance_path[-1])
    problem = f"{document.kind} {document.name}: {path}: {message[:200]}"
    return _finding(document, origins, folder, "schema", problem, "see `kubectl explain`", word)


def _finding(
    document: Document, origins: Origins, folder: str, rule: str, problem: str, remedy: str, word: str
) -> LintFinding:
    """A finding at the line of a file that holds `word`, else at the manifest, else at the rendered folder."""
    if folder:
        problem = f"{problem} (rendering {folder})"
    candidates = origins.get((document.kind, document.name), [])
    for file, origin in candidates:
        lines = file.text.splitlines()
        for number in range(origin.line - 1, len(lines)):
            if re.search(rf"\b{re.escape(word)}\b", lines[number]):
                return LintFinding(rule, file.path, number + 1, problem, remedy)
    if candidates:
        file, origin = candidates[0]
        return LintFinding(rule, file.path, origin.line, problem, remedy)
    return LintFinding(rule, document.file, document.line if not folder else 1, problem, remedy)


@contextmanager
def staged(root: Path) -> Iterator[Path]:
    """A temporary copy of what is staged in Git. Raises InputError outside a Git repository."""
    with tempfile.TemporaryDirectory(prefix="skerry-") as folder:
        copy = Path(folder, root.name)
        copy.mkdir()
        command = ["git", "-C", str(root), "checkout-index", "--all", f"--prefix={copy}/"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError(f"{root}: is not a Git repository: {done.stderr.strip()}; run `git init`")
        yield copy
