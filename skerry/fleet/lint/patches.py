"""Patches whose target matches nothing: kustomize applies them to nothing, silently, with exit code 0."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from skerry.fleet.lint.documents import Document, Finding, Source
from skerry.fleet.lint.render import below, is_remote

RULE = "patch"


@dataclass(frozen=True)
class Resource:
    """What a patch's target can select by. A renamed resource answers to all its names, as in kustomize."""

    group: str
    version: str
    kind: str
    names: frozenset[str]
    namespaces: frozenset[str]
    labels: frozenset[tuple[str, str]] = frozenset()
    annotations: frozenset[tuple[str, str]] = frozenset()


@dataclass
class Resources:
    """The resources of a folder; `complete` is False when some come from elsewhere or cannot be read."""

    found: list[Resource] = field(default_factory=list)
    complete: bool = True


class Tree:
    """The resources each kustomization accumulates, read once."""

    def __init__(self, sources: list[Source], kustomizations: Mapping[str, Source]) -> None:
        self._files = {source.path: source for source in sources}
        self._kustomizations = kustomizations

    @cache  # noqa: B019  one tree lives as long as the program
    def resources(self, folder: str, after: bool = True) -> Resources:
        """What `folder` holds before its patches, `after` its own renames or not."""
        value = self._kustomizations[folder].documents[0].value
        result = Resources()
        for part in ("resources", "bases", "components"):
            for entry in _list(value, part):
                self._add(result, folder, str(entry))
        for kind in ("ConfigMap", "Secret"):
            for each in _list(value, f"{kind[0].lower()}{kind[1:]}Generator"):
                if isinstance(each, dict):
                    result.found.append(
                        _resource("", "v1", kind, str(each.get("name", "")), str(each.get("namespace", "")))
                    )
        if value.get("helmCharts") or value.get("generators") or value.get("transformers"):
            result.complete = False
        if after:
            prefix, suffix = (str(value.get(f"name{part}") or "") for part in ("Prefix", "Suffix"))
            namespace = {str(value["namespace"])} if value.get("namespace") else set()
            result.found = [
                replace(
                    each,
                    names=each.names | {f"{prefix}{name}{suffix}" for name in each.names},
                    namespaces=each.namespaces | namespace,
                )
                for each in result.found
            ]
        return result

    def _add(self, result: Resources, folder: str, entry: str) -> None:
        path = below(folder, entry)
        if path in self._kustomizations:
            inner = self.resources(path)
            result.found += inner.found
            result.complete &= inner.complete
        elif path in self._files and not is_remote(entry):
            result.found += [_of(document) for document in self._files[path].documents]
        else:
            result.complete = False

    def plain_folder(self, folder: str) -> Resources:
        """What Flux finds in a folder without a kustomization: every manifest below it."""
        inside = [source for path, source in self._files.items() if path.startswith(f"{folder}/")]
        return Resources([_of(each) for source in inside for each in source.documents if each.kind])


def check(tree: Tree, folder: str, source: Source) -> Iterator[Finding]:
    """The targets of a kustomization's patches that select nothing."""
    resources = tree.resources(folder, after=False)
    value = source.documents[0].value
    if not resources.complete:
        return
    renamed = tree.resources(folder).found
    for part in ("patches", "patchesJson6902"):
        for number, patch in enumerate(_list(value, part), start=1):
            target = patch.get("target") if isinstance(patch, dict) else None
            if isinstance(target, dict) and not any(matches(target, each) for each in renamed):
                line = _line(source, target)
                yield _finding(source.path, line, number, target)


def check_flux(resources: Resources, document: Document, source: Source) -> Iterator[Finding]:
    """The same for spec.patches of a Flux Kustomization."""
    for number, patch in enumerate(_list(document.spec, "patches"), start=1):
        target = patch.get("target") if isinstance(patch, dict) else None
        if (
            resources.complete
            and isinstance(target, dict)
            and not any(matches(target, each) for each in resources.found)
        ):
            yield _finding(source.path, _line(source, target), number, target)


def _finding(file: str, line: int, number: int, target: dict[str, Any]) -> Finding:
    what = ", ".join(f"{key} {value}" for key, value in target.items())
    return Finding(
        RULE, file, line, f"patch {number} hits nothing: no resource has {what}", "correct its target"
    )


def matches(target: dict[str, Any], resource: Resource) -> bool:
    """Whether kustomize would select the resource: names and namespaces are anchored regular expressions."""
    exact = (("group", resource.group), ("version", resource.version), ("kind", resource.kind))
    if any(target.get(key) not in (None, "", value) for key, value in exact):
        return False
    for key, values in (("name", resource.names), ("namespace", resource.namespaces)):
        pattern = target.get(key)
        if pattern and not any(_anchored(str(pattern), value) for value in values):
            return False
    for key, pairs in (("labelSelector", resource.labels), ("annotationSelector", resource.annotations)):
        if not _selected(str(target.get(key) or ""), dict(pairs)):
            return False
    return True


def _anchored(pattern: str, value: str) -> bool:
    try:
        return bool(re.fullmatch(pattern, value))
    except re.error:
        return False


def _selected(selector: str, pairs: dict[str, str]) -> bool:
    """Equality-based selectors decide; set-based ones ("in (…)") are given the benefit of the doubt."""
    if "(" in selector:
        return True
    for term in filter(None, (each.strip() for each in selector.split(","))):
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


def _of(document: Document) -> Resource:
    group, _, version = document.api_version.rpartition("/")
    labels, annotations = (document.metadata.get(part) for part in ("labels", "annotations"))
    resource = _resource(group, version, document.kind, document.name, document.namespace)
    return replace(resource, labels=_pairs(labels), annotations=_pairs(annotations))


def _resource(group: str, version: str, kind: str, name: str, namespace: str) -> Resource:
    return Resource(group, version, kind, frozenset([name]), frozenset([namespace]))


def _pairs(value: Any) -> frozenset[tuple[str, str]]:
    return (
        frozenset((str(key), str(each)) for key, each in value.items())
        if isinstance(value, dict)
        else frozenset()
    )


def _list(value: Any, key: str) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _line(source: Source, target: dict[str, Any]) -> int:
    """The line of the target's name (or kind), which is where the mistake is."""
    word = str(target.get("name") or target.get("kind") or "target")
    lines = source.text.splitlines()
    begun = next((number for number, line in enumerate(lines) if "target:" in line), 0)
    return next((number + 1 for number in range(begun, len(lines)) if word in lines[number]), 1)
