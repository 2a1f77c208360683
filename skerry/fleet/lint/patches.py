"""Patches whose target matches no resource: kustomize ignores them without an error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from skerry.fleet.lint.documents import Document, SourceFile
from skerry.fleet.lint.finding import LintFinding
from skerry.fleet.lint.render import below, is_remote

RULE = "patch"


@dataclass(frozen=True)
class Resource:
    """What a patch's target can select by. A renamed resource has all its names, as in kustomize."""

    group: str
    version: str
    kind: str
    names: frozenset[str]
    namespaces: frozenset[str]
    labels: frozenset[tuple[str, str]] = frozenset()
    annotations: frozenset[tuple[str, str]] = frozenset()


@dataclass
class Resources:
    """The resources of a folder. `complete` is False if some are remote, generated or unreadable."""

    items: list[Resource] = field(default_factory=list)
    complete: bool = True


class ResourceTree:
    """The resources that each kustomization of a repository accumulates."""

    def __init__(self, files: list[SourceFile], kustomizations: Mapping[str, SourceFile]) -> None:
        self._files = {file.path: file for file in files}
        self._kustomizations = kustomizations

    @cache  # noqa: B019  one tree lives as long as the program
    def resources(self, folder: str, renamed: bool = True) -> Resources:
        """The resources of a kustomization before its patches. `renamed` applies prefix, suffix and namespace."""
        value = self._kustomizations[folder].documents[0].value
        result = Resources()
        for part in ("resources", "bases", "components"):
            for entry in _list(value, part):
                self._add(result, folder, str(entry))
        for kind in ("ConfigMap", "Secret"):
            for generator in _list(value, f"{kind[0].lower()}{kind[1:]}Generator"):
                if isinstance(generator, dict):
                    name, namespace = (str(generator.get(key, "")) for key in ("name", "namespace"))
                    result.items.append(_resource("", "v1", kind, name, namespace))
        if value.get("helmCharts") or value.get("generators") or value.get("transformers"):
            result.complete = False
        if renamed:
            result.items = [_renamed(resource, value) for resource in result.items]
        return result

    def _add(self, result: Resources, folder: str, entry: str) -> None:
        path = below(folder, entry)
        if path in self._kustomizations:
            inner = self.resources(path)
            result.items += inner.items
            result.complete &= inner.complete
        elif path in self._files and not is_remote(entry):
            result.items += [_from_document(document) for document in self._files[path].documents]
        else:
            result.complete = False

    def plain_folder(self, folder: str) -> Resources:
        """The resources that Flux finds in a folder without a kustomization: every manifest below it."""
        inside = [file for path, file in self._files.items() if path.startswith(f"{folder}/")]
        return Resources(
            [_from_document(document) for file in inside for document in file.documents if document.kind]
        )


def check(tree: ResourceTree, folder: str, file: SourceFile) -> Iterator[LintFinding]:
    """Find patches of a kustomization that match nothing; none if some of its resources are unknown."""
    if not tree.resources(folder, renamed=False).complete:
        return
    resources = tree.resources(folder)
    value = file.documents[0].value
    for part in ("patches", "patchesJson6902"):
        yield from _check_targets(resources, _list(value, part), file)


def check_flux(resources: Resources, document: Document, file: SourceFile) -> Iterator[LintFinding]:
    """Find patches of a Flux Kustomization (spec.patches) that match nothing; none if some resources are unknown."""
    if resources.complete:
        yield from _check_targets(resources, _list(document.spec, "patches"), file)


def _check_targets(resources: Resources, patches: list[Any], file: SourceFile) -> Iterator[LintFinding]:
    for number, patch in enumerate(patches, start=1):
        target = patch.get("target") if isinstance(patch, dict) else None
        if isinstance(target, dict) and not any(matches(target, resource) for resource in resources.items):
            selector = ", ".join(f"{key} {value}" for key, value in target.items())
            problem = f"patch {number} matches nothing: no resource has {selector}"
            yield LintFinding(RULE, file.path, _line(file, target), problem, "correct its target")


def matches(target: dict[str, Any], resource: Resource) -> bool:
    """Whether kustomize would select the resource. Names and namespaces are anchored regular expressions."""
    exact = (("group", resource.group), ("version", resource.version), ("kind", resource.kind))
    if any(target.get(key) not in (None, "", value) for key, value in exact):
        return False
    for key, values in (("name", resource.names), ("namespace", resource.namespaces)):
        pattern = target.get(key)
        if pattern and not any(_full_match(str(pattern), value) for value in values):
            return False
    for key, pairs in (("labelSelector", resource.labels), ("annotationSelector", resource.annotations)):
        if not _selected(str(target.get(key) or ""), dict(pairs)):
            return False
    return True


def _full_match(pattern: str, value: str) -> bool:
    try:
        return bool(re.fullmatch(pattern, value))
    except re.error:
        return False


def _selected(selector: str, pairs: dict[str, str]) -> bool:
    """Whether an equality-based selector matches. Set-based ones ("in (…)") are taken to match."""
    if "(" in selector:
        return True
    for term in filter(None, (part.strip() for part in selector.split(","))):
        key, operator, value = (part.strip() for part in re.split(r"(==|!=|=|$)", term, maxsplit=1)[:3])
        if operator == "!=":
            if pairs.get(key) == value:
                return False
        elif operator:
            if pairs.get(key) != value:
                return False
        elif (key.lstrip("!") in pairs) == key.startswith("!"):
            return False
    return True


def _from_document(document: Document) -> Resource:
    group, _, version = document.api_version.rpartition("/")
    labels, annotations = (_pairs(document.metadata.get(part)) for part in ("labels", "annotations"))
    resource = _resource(group, version, document.kind, document.name, document.namespace)
    return replace(resource, labels=labels, annotations=annotations)


def _resource(group: str, version: str, kind: str, name: str, namespace: str) -> Resource:
    return Resource(group, version, kind, frozenset([name]), frozenset([namespace]))


def _renamed(resource: Resource, kustomization: Any) -> Resource:
    """The resource with the further names that a kustomization's prefix, suffix and namespace give it."""
    prefix, suffix = (str(kustomization.get(f"name{part}") or "") for part in ("Prefix", "Suffix"))
    namespace = {str(kustomization["namespace"])} if kustomization.get("namespace") else set()
    return replace(
        resource,
        names=resource.names | {f"{prefix}{name}{suffix}" for name in resource.names},
        namespaces=resource.namespaces | namespace,
    )


def _pairs(value: Any) -> frozenset[tuple[str, str]]:
    items = value.items() if isinstance(value, dict) else ()
    return frozenset((str(key), str(text)) for key, text in items)


def _list(value: Any, key: str) -> list[Any]:
    items = value.get(key) if isinstance(value, dict) else None
    return items if isinstance(items, list) else []


def _line(file: SourceFile, target: dict[str, Any]) -> int:
    """The line of the target's name or kind, where the mistake is."""
    word = str(target.get("name") or target.get("kind") or "target")
    lines = file.text.splitlines()
    start = next((number for number, line in enumerate(lines) if "target:" in line), 0)
    return next((number + 1 for number in range(start, len(lines)) if word in lines[number]), 1)
