"""JSON schemas to validate manifests with, all offline.

Those of Kubernetes come from the package kubernetes-validate, those of Flux and system-upgrade-controller from
skerry/fleet/schemas, and others from the CustomResourceDefinitions in the repository.
`python -m skerry.fleet.lint.schemas CRD.yaml… > skerry/fleet/schemas/flux-<version>.json` adds a Flux version.
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
from skerry.fleet.upgrades import CONTROLLER
from skerry.model.errors import InputError

FOLDER = Path(__file__).parent.parent / "schemas"
PLANS = f"system-upgrade-controller-{CONTROLLER}.json"
# The keywords of a CRD's schema that become part of the JSON schema, or decide how it is made.
KEYWORDS = {
    "type", "properties", "items", "required", "enum", "pattern", "additionalProperties", "minimum", "maximum",
    "minLength", "maxLength", "minItems", "maxItems", "anyOf", "oneOf", "allOf", "not",
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string", "nullable",
}  # fmt: skip
# Kubernetes' own groups without a domain, which no CRD extends. Its *.k8s.io groups are known by their schemas.
BUILT_IN = {"", "apps", "autoscaling", "batch", "extensions", "policy"}

Schemas = dict[tuple[str, str], Any]
"""Schemas by API version and kind."""


def kubernetes_folder(version: str) -> Path:
    """The folder of the schemas of a Kubernetes minor such as "1.36". Raises InputError if there is none."""
    # Importing the package would take 0.3 s.
    package = importlib.util.find_spec("kubernetes_validate")
    assert package
    assert package.origin
    base = Path(package.origin).parent / "kubernetes-json-schema"
    folder = base / f"v{version}.0-local-strict"
    if not folder.is_dir():
        known = sorted(path.name[1:].rpartition(".0-")[0] for path in base.glob("*-strict"))
        raise InputError(f"no schemas for Kubernetes {version}; there are {known[0]} to {known[-1]}")
    return folder


class Catalogue:
    """Validators by API version and kind, each compiled when first needed. Raises InputError for unknown versions."""

    def __init__(self, kubernetes: str, flux: str, crds: list[Document]) -> None:
        self._definitions = json.loads((kubernetes_folder(kubernetes) / "_definitions.json").read_text())[
            "$defs"
        ]
        self._names = {
            ("/".join(part for part in (gvk["group"], gvk["version"]) if part), gvk["kind"]): name
            for name, definition in self._definitions.items()
            for gvk in definition.get("x-kubernetes-group-version-kind", [])
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
        """The validator of a kind; None if its API group is unknown. Raises LookupError if a known group lacks it."""
        key, group = (api_version, kind), api_version.rpartition("/")[0]
        if key in self._names:
            return self._kubernetes(self._names[key])
        if key in self._custom:
            return jsonschema_rs.Draft7Validator(self._custom[key])
        if group in self._groups or group in BUILT_IN or group in self._custom_groups:
            raise LookupError(key)
        return None

    def served(self, group: str, kind: str) -> list[str]:
        """The API versions of a group that have a kind."""
        return sorted(
            version
            for version, known in [*self._names, *self._custom]
            if known == kind and version.rpartition("/")[0] == group
        )

    def _kubernetes(self, name: str) -> Any:
        """Compile a definition with only those that it refers to: with all of them, each kind would take seconds."""
        needed: dict[str, Any] = {}
        queue = [name]
        while queue:
            if (definition := queue.pop()) not in needed:
                text = json.dumps(self._definitions[definition])
                needed[definition] = json.loads(text.replace("/api/_definitions.json#/$defs/", "#/$defs/"))
                queue += _references(needed[definition])
        return jsonschema_rs.Draft7Validator({"$ref": f"#/$defs/{name}", "$defs": needed})


def _shipped(file: Path) -> Schemas:
    """The schemas in a file of skerry/fleet/schemas."""
    schemas = json.loads(file.read_text())
    return {
        (version, kind): schema
        for key, schema in schemas.items()
        for version, _, kind in [key.rpartition("/")]
    }


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value.rpartition("/")[2]
            else:
                yield from _references(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _references(item)


def from_crds(documents: list[Document]) -> Iterator[tuple[tuple[str, str], Any]]:
    """Yield the strict schema of each API version and kind that the CustomResourceDefinitions in `documents` serve."""
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
    """A CRD's OpenAPI v3 schema as a JSON schema that refuses unknown fields, without descriptions."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    source = {key: value for key, value in schema.items() if key in KEYWORDS}
    result: dict[str, Any] = {}
    for key, value in source.items():
        if key == "properties":
            result[key] = {name: _strict(child) for name, child in value.items()}
        elif key in ("items", "additionalProperties", "not", "anyOf", "oneOf", "allOf"):
            result[key] = _strict(value)
        elif not key.startswith("x-") and key != "nullable":
            result[key] = value
    if source.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
    if source.get("nullable") and "type" in result:
        result["type"] = [result["type"], "null"]
    open_ended = source.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in source
    if "properties" in result and "type" in result and not open_ended:
        result["additionalProperties"] = False
    return result


def main() -> None:
    """Print the schemas of the CRD files named on the command line."""
    documents = [document for name in sys.argv[1:] for document in parse(name, Path(name).read_text())]
    schemas = {"/".join(key): schema for key, schema in from_crds(documents)}
    print(json.dumps(dict(sorted(schemas.items())), separators=(",", ":")))


if __name__ == "__main__":
    main()
