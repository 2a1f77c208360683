"""Plaintext secrets in the repository's files, found by their structure.

Parsed YAML is searched, because regular expressions miss a second document, a quoted kind, Lists, generators, CRLF, and
files with "ENC[AES256" in a comment. Comments are not searched, except for private keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from skerry.fleet.lint.documents import Document, SourceFile, line_of, parse
from skerry.fleet.lint.finding import LintFinding
from skerry.model.errors import InputError

RULE = "leak"
ENCRYPTED = re.compile(
    r"ENC\[AES256_GCM,data:[A-Za-z0-9+/=]*,iv:[A-Za-z0-9+/=]+,tag:[A-Za-z0-9+/=]+,type:\w+\]"
)
PRIVATE_KEYS = re.compile(r"AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]{20,}|-----BEGIN [A-Z ]*PRIVATE KEY-----\s*\S")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
REMEDY = "encrypt it with `invoke secrets-encrypt`, and change the secret if it was ever pushed"


def is_encrypted(value: Any) -> bool:
    """Whether a document has SOPS metadata. Some of its values may be plaintext all the same."""
    return isinstance(value, dict) and isinstance(value.get("sops"), dict) and "mac" in value["sops"]


def has_encrypted(file: SourceFile) -> bool:
    """Whether a document of the file has SOPS metadata."""
    return any(is_encrypted(document.value) for document in file.documents)


def is_sops_text(text: str) -> bool:
    """Whether SOPS has encrypted this text, in any of its formats: YAML, JSON, dotenv, INI or binary."""
    if re.search(r"^sops_mac=ENC\[", text, re.MULTILINE):
        return True
    try:
        return any(is_encrypted(document.value) for document in parse("", text))
    except InputError:
        return False


def recipients(file: SourceFile) -> set[str]:
    """The age recipients in an encrypted file's metadata."""
    return {
        str(entry.get("recipient"))
        for document in file.documents
        if is_encrypted(document.value)
        for entry in document.value["sops"].get("age") or []
    }


def check(file: SourceFile) -> Iterator[LintFinding]:
    """Every plaintext secret in a file."""
    if match := PRIVATE_KEYS.search(file.text):
        line = file.text.count("\n", 0, match.start()) + 1
        yield LintFinding(
            RULE, file.path, line, "holds a private key in plaintext", "remove it, and replace the key"
        )
    for document in file.documents:
        yield from _search(file, document, document.value, "")


def _search(file: SourceFile, document: Document, value: Any, path: str) -> Iterator[LintFinding]:
    """Search a value for mappings that are a Secret, generate one or patch one. `path` leads to the value."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _search(file, document, item, f"{path}[{number}]")
        return
    if isinstance(value, str) and "\n" in value and re.search("(?i)secret", value):
        yield from _search_text(file, document, value, path)
        return
    if not isinstance(value, dict):
        return
    if value.get("kind") == "Secret" and ("data" in value or "stringData" in value):
        yield from _check_secret(file, document, value)
    if value.get("kind") == "Kustomization" or path == "":
        for generator in value.get("secretGenerator") or []:
            yield from _check_generator(file, document, generator)
    yield from _check_patch(file, document, value)
    for key, child in value.items():
        if key not in ("sops", "data", "stringData", "secretGenerator") or value.get("kind") != "Secret":
            yield from _search(file, document, child, f"{path}.{key}")


def _search_text(file: SourceFile, document: Document, text: str, path: str) -> Iterator[LintFinding]:
    """Search YAML inside a text, such as an inline patch or a manifest in a ConfigMap."""
    try:
        inner_documents = parse(file.path, text)
    except InputError:
        return
    for inner in inner_documents:
        if isinstance(inner.value, (dict, list)):
            yield from _search(file, document, inner.value, f"{path}|")


def _check_secret(file: SourceFile, document: Document, secret: dict[str, Any]) -> Iterator[LintFinding]:
    metadata = secret.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    name = metadata.get("name") or "without a name"
    for part in ("data", "stringData"):
        for path, leaf in leaves(secret.get(part), part):
            if not is_harmless(leaf):
                line = line_of(file, document, path.rpartition(".")[2])
                yield LintFinding(RULE, file.path, line, f"Secret {name} has {path} in plaintext", REMEDY)
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict) and LAST_APPLIED in annotations:
        line = line_of(file, document, LAST_APPLIED)
        problem = f"Secret {name} carries its plaintext in {LAST_APPLIED}"
        remedy = "remove the annotation; it repeats the values that are encrypted elsewhere"
        yield LintFinding(RULE, file.path, line, problem, remedy)


def _check_generator(file: SourceFile, document: Document, generator: Any) -> Iterator[LintFinding]:
    """The literals of a kustomize secretGenerator, which are always plaintext."""
    if not isinstance(generator, dict):
        return
    name = generator.get("name") or "without a name"
    for literal in generator.get("literals") or []:
        key, _, value = str(literal).partition("=")
        if value:
            line = line_of(file, document, str(literal))
            yield LintFinding(RULE, file.path, line, f"secretGenerator {name} has {key} in plaintext", REMEDY)


def _check_patch(file: SourceFile, document: Document, value: dict[str, Any]) -> Iterator[LintFinding]:
    """JSON patches of a Secret that write plaintext into its data."""
    target, patch = value.get("target"), value.get("patch")
    if not (isinstance(target, dict) and target.get("kind") == "Secret" and isinstance(patch, str)):
        return
    try:
        values = [inner.value for inner in parse(file.path, patch)]
    except InputError:
        return
    for operation in [item for value in values if isinstance(value, list) for item in value]:
        into_data = isinstance(operation, dict) and re.match("/(data|stringData)", str(operation.get("path")))
        if into_data and any(not is_harmless(leaf) for _, leaf in leaves(operation.get("value"), "value")):
            line = line_of(file, document, str(operation["path"]))
            yield LintFinding(
                RULE, file.path, line, f"a patch writes {operation['path']} in plaintext", REMEDY
            )


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every scalar in a value, with its path."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from leaves(child, f"{path}.{key}")
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from leaves(child, f"{path}[{number}]")
    else:
        yield path, value


def is_harmless(leaf: Any) -> bool:
    """Whether a value is empty, encrypted by SOPS, or one variable that Flux substitutes from a Secret."""
    text = "" if leaf is None else str(leaf)
    return not text or bool(ENCRYPTED.fullmatch(text)) or bool(re.fullmatch(r"\$\{\w+\}", text))


def check_generated(root: Path, file: SourceFile) -> Iterator[LintFinding]:
    """Find plaintext files that a kustomization's secretGenerator reads. An entry is PATH or KEY=PATH."""
    for document in file.documents:
        generators = document.value.get("secretGenerator") if isinstance(document.value, dict) else None
        for generator in generators if isinstance(generators, list) else []:
            if not isinstance(generator, dict):
                continue
            for entry in (*(generator.get("files") or []), *(generator.get("envs") or [])):
                path = root / Path(file.path).parent / str(entry).rpartition("=")[2]
                if path.is_file() and not is_sops_text(path.read_text(errors="replace")):
                    line = line_of(file, document, str(entry))
                    problem = f"secretGenerator reads {entry}, which is plaintext"
                    yield LintFinding(RULE, file.path, line, problem, REMEDY)
