"""JSON schemas, all offline: Kubernetes' from the package kubernetes-validate, Flux's and system-upgrade-controller's
from this folder's neighbour skerry/fleet/schemas, and those of every CustomResourceDefinition in the repository itself.

`python -m skerry.fleet.lint.schemas CRD.yaml… > skerry/fleet/schemas/flux-<version>.json`
makes the file for another Flux.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs

from skerry.fleet.lint.documents import Document, parse
from skerry.fleet.pull import CONTROLLER
from skerry.model.errors import InputError

FOLDER = Path(__file__).parent.parent / "schemas"
PLANS = f"system-upgrade-controller-{CONTROLLER}.json"
KEPT = {
    "type", "properties", "items", "required", "enum", "pattern", "additionalProperties", "minimum", "maximum",
    "minLength", "maxLength", "minItems", "maxItems", "anyOf", "oneOf", "allOf", "not",
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string", "nullable",
}  # fmt: skip
BUILT_IN = {
    "",
    "apps",
    "autoscaling",
    "batch",
    "extensions",
    "policy",
}  # besides every *.k8s.io of Kubernetes itself
Schemas = dict[tuple[str, str], Any]


def kubernetes_folder(version: str) -> Path:
    """The schemas of a Kubernetes minor version such as "1.36". Raises InputError when the package has none."""
    package = importlib.util.find_spec("kubernetes_validate")  # found, not imported: that would take 0.3 s
    assert package
    assert package.origin
    base = Path(package.origin).parent / "kubernetes-json-schema"
    folder = base / f"v{version}.0-local-strict"
    if not folder.is_dir():
        known = sorted(path.name[1:].rpartition(".0-")[0] for path in base.glob("*-strict"))
        raise InputError(f"no schemas for Kubernetes {version}; there are {known[0]} to {known[-1]}")
    return folder


class Catalogue:
    """Validators by API version and kind, compiled when first needed."""

    def __init__(self, kubernetes: str, flux: str, crds: list[Document]) -> None:
        self._definitions = json.loads((kubernetes_folder(kubernetes) / "_definitions.json").read_text())[
            "$defs"
        ]
        self._names = {
            ("/".join(part for part in (each["group"], each["version"]) if part), each["kind"]): name
            for name, definition in self._definitions.items()
            for each in definition.get("x-kubernetes-group-version-kind", [])
        }
        self._groups = {version.rpartition("/")[0] for version, _ in self._names}
        file = FOLDER / f"flux-{flux}.json"
        if not file.is_file():
            known = ", ".join(sorted(path.stem.removeprefix("flux-") for path in FOLDER.glob("flux-*.json")))
            raise InputError(f"no schemas for Flux {flux}; there are those of {known}")
        self._custom: Schemas = {**_shipped(file), **_shipped(FOLDER / PLANS), **dict(from_crds(crds))}
        self._custom_groups = {version.rpartition("/")[0] for version, _ in self._custom}

    @functools.cache  # noqa: B019  one catalogue lives as long as the program
    def validator(self, api_version: str, kind: str) -> Any:
        """A validator, None for a group nothing is known of. Raises LookupError when a known one lacks the kind."""
        key, group = (api_version, kind), api_version.rpartition("/")[0]
        if key in self._names:
            return self._kubernetes(self._names[key])
        if key in self._custom:
            return jsonschema_rs.Draft7Validator(self._custom[key])
        if group in self._groups or group in BUILT_IN or group in self._custom_groups:
            raise LookupError(key)
        return None

    def served(self, group: str, kind: str) -> list[str]:
        """The API versions in which a group serves a kind."""
        return sorted(
            version
            for version, each in [*self._names, *self._custom]
            if each == kind and version.rpartition("/")[0] == group
        )

    def _kubernetes(self, name: str) -> Any:
        """One definition and what it refers to: compiling all of them for each kind would take seconds."""
        needed: dict[str, Any] = {}
        queue = [name]
        while queue:
            if (each := queue.pop()) not in needed:
                needed[each] = json.loads(
                    json.dumps(self._definitions[each]).replace("/api/_definitions.json#/$defs/", "#/$defs/")
                )
                queue += _references(needed[each])
        return jsonschema_rs.Draft7Validator({"$ref": f"#/$defs/{name}", "$defs": needed})


def _shipped(file: Path) -> Schemas:
    """The schemas in one of the files here, by API version and kind."""
    found = json.loads(file.read_text())
    return {
        (version, kind): schema for key, schema in found.items() for version, _, kind in [key.rpartition("/")]
    }


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, each in schema.items():
            if key == "$ref" and isinstance(each, str):
                yield each.rpartition("/")[2]
            else:
                yield from _references(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _references(each)


def from_crds(documents: list[Document]) -> Iterator[tuple[tuple[str, str], Any]]:
    """The schema of each served version in CustomResourceDefinitions, strict: unknown fields are mistakes."""
    for document in documents:
        names = document.spec.get("names")
        if document.kind != "CustomResourceDefinition" or not isinstance(names, dict):
            continue
        for version in document.spec.get("versions") or []:
            schema = (version.get("schema") or {}).get("openAPIV3Schema")
            if version.get("served") and schema:
                strict = _strict(schema)
                implied = {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                }
                strict["properties"] = {**strict.get("properties", {}), **implied}
                yield (f"{document.spec['group']}/{version['name']}", str(names["kind"])), strict


def _strict(schema: Any) -> Any:
    """An OpenAPI v3 schema of a CRD as a strict JSON schema, less its prose."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key in KEPT}
    result: dict[str, Any] = {}
    for key, value in kept.items():
        if key == "properties":
            result[key] = {name: _strict(each) for name, each in value.items()}
        elif key in ("items", "additionalProperties", "not", "anyOf", "oneOf", "allOf"):
            result[key] = _strict(value)
        elif not key.startswith("x-") and key != "nullable":
            result[key] = value
    if kept.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
    if kept.get("nullable") and "type" in result:
        result["type"] = [result["type"], "null"]
    open_ended = kept.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in kept
    if "properties" in result and "type" in result and not open_ended:
        result["additionalProperties"] = False
    return result


def main() -> None:
    documents = [each for name in sys.argv[1:] for each in parse(name, Path(name).read_text())]
    found = {"/".join(key): schema for key, schema in from_crds(documents)}
    print(json.dumps(dict(sorted(found.items())), separators=(",", ":")))


if __name__ == "__main__":
    main()
