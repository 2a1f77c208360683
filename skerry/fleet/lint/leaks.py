"""Plaintext secrets, found by structure: YAML is parsed and walked, so that spelling hides nothing.

The regular expressions of common hooks miss a second document, a quoted kind, a comment after it, Lists,
generators, CRLF, and anything in a file whose comment says "ENC[AES256". What a comment says stays invisible
here, too, except private keys.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from skerry.fleet.lint.documents import Document, Finding, Source, line_of, parse
from skerry.model.errors import InputError

RULE = "leak"
ENCRYPTED = re.compile(
    r"ENC\[AES256_GCM,data:[A-Za-z0-9+/=]*,iv:[A-Za-z0-9+/=]+,tag:[A-Za-z0-9+/=]+,type:\w+\]"
)
PRIVATE_KEYS = re.compile(r"AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]{20,}|-----BEGIN [A-Z ]*PRIVATE KEY-----\s*\S")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
REMEDY = "encrypt it with `invoke secrets-encrypt`, and change the secret if it was ever pushed"


def is_encrypted(value: Any) -> bool:
    """Whether a document carries SOPS metadata; that says nothing about each of its values."""
    return isinstance(value, dict) and isinstance(value.get("sops"), dict) and "mac" in value["sops"]


def recipients(source: Source) -> set[str]:
    """The age recipients in an encrypted file's metadata."""
    return {
        str(entry.get("recipient"))
        for document in source.documents
        if is_encrypted(document.value)
        for entry in document.value["sops"].get("age") or []
    }


def check(source: Source) -> Iterator[Finding]:
    """Every plaintext secret in a file."""
    if match := PRIVATE_KEYS.search(source.text):
        line = source.text.count("\n", 0, match.start()) + 1
        yield Finding(
            RULE, source.path, line, "holds a private key in plaintext", "remove it, and replace the key"
        )
    for document in source.documents:
        yield from _walk(source, document, document.value, "")


def _walk(source: Source, document: Document, value: Any, place: str) -> Iterator[Finding]:
    """Every mapping of a document that is a Secret, makes one, or patches one."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _walk(source, document, item, f"{place}[{number}]")
        return
    if isinstance(value, str) and "\n" in value and re.search("(?i)secret", value):
        yield from _nested(source, document, value, place)
        return
    if not isinstance(value, dict):
        return
    if value.get("kind") == "Secret" and ("data" in value or "stringData" in value):
        yield from _secret(source, document, value)
    if value.get("kind") == "Kustomization" or place == "":
        for generator in value.get("secretGenerator") or []:
            yield from _generator(source, document, generator)
    yield from _patch(source, document, value)
    for key, each in value.items():
        if key not in ("sops", "data", "stringData", "secretGenerator") or value.get("kind") != "Secret":
            yield from _walk(source, document, each, f"{place}.{key}")


def _secret(source: Source, document: Document, secret: dict[str, Any]) -> Iterator[Finding]:
    metadata = secret.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    name = metadata.get("name") or "without a name"
    for part in ("data", "stringData"):
        for path, leaf in _leaves(secret.get(part), part):
            if not _harmless(leaf):
                line = line_of(source, document, path.rpartition(".")[2])
                yield Finding(RULE, source.path, line, f"Secret {name} has {path} in plaintext", REMEDY)
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict) and LAST_APPLIED in annotations:
        line = line_of(source, document, LAST_APPLIED)
        remedy = "remove the annotation; it repeats the values that are encrypted elsewhere"
        yield Finding(
            RULE, source.path, line, f"Secret {name} carries its plaintext in {LAST_APPLIED}", remedy
        )


def _generator(source: Source, document: Document, generator: Any) -> Iterator[Finding]:
    """kustomize's secretGenerator: literals are plaintext; files and envs are, unless SOPS has encrypted them."""
    if not isinstance(generator, dict):
        return
    name = generator.get("name") or "without a name"
    for literal in generator.get("literals") or []:
        key, _, value = str(literal).partition("=")
        if value:
            line = line_of(source, document, str(literal))
            yield Finding(RULE, source.path, line, f"secretGenerator {name} has {key} in plaintext", REMEDY)


def _patch(source: Source, document: Document, value: dict[str, Any]) -> Iterator[Finding]:
    """JSON patches that write into a Secret: the target stands beside the patch."""
    target, patch = value.get("target"), value.get("patch")
    if isinstance(target, dict) and target.get("kind") == "Secret" and isinstance(patch, str):
        yield from _operations(source, document, patch)


def _operations(source: Source, document: Document, text: str) -> Iterator[Finding]:
    """The operations of a JSON patch on a Secret that put plaintext into data."""
    try:
        parsed = [each.value for each in parse(source.path, text)]
    except InputError:
        return
    operations = [each for value in parsed for each in (value if isinstance(value, list) else [])]
    for operation in operations:
        into_data = isinstance(operation, dict) and re.match("/(data|stringData)", str(operation.get("path")))
        if into_data and any(not _harmless(leaf) for _, leaf in _leaves(operation.get("value"), "value")):
            line = line_of(source, document, str(operation["path"]))
            yield Finding(RULE, source.path, line, f"a patch writes {operation['path']} in plaintext", REMEDY)


def _nested(source: Source, document: Document, text: str, place: str) -> Iterator[Finding]:
    """YAML in a text, such as an inline patch or a manifest in a ConfigMap."""
    try:
        documents = parse(source.path, text)
    except InputError:
        return
    for each in documents:
        if isinstance(each.value, (dict, list)):
            yield from _walk(source, document, each.value, f"{place}|")


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _leaves(each, f"{path}[{number}]")
    else:
        yield path, value


def _harmless(leaf: Any) -> bool:
    """Empty, encrypted by SOPS, or wholly a variable that Flux fills in from a Secret of the cluster."""
    text = "" if leaf is None else str(leaf)
    return not text or bool(ENCRYPTED.fullmatch(text)) or bool(re.fullmatch(r"\$\{\w+\}", text))


def check_generated(root: Path, source: Source) -> Iterator[Finding]:
    """The files that a kustomization's secretGenerator reads: each must be encrypted by SOPS."""
    for document in source.documents:
        generators = document.value.get("secretGenerator") if isinstance(document.value, dict) else None
        for generator in generators if isinstance(generators, list) else []:
            names = (
                [*(generator.get("files") or []), *(generator.get("envs") or [])]
                if isinstance(generator, dict)
                else []
            )
            for entry in names:
                path = root / Path(source.path).parent / str(entry).rpartition("=")[2]
                if path.is_file() and not _sops_file(path.read_text(errors="replace")):
                    line = line_of(source, document, str(entry))
                    yield Finding(
                        RULE, source.path, line, f"secretGenerator reads {entry}, which is plaintext", REMEDY
                    )


def _sops_file(text: str) -> bool:
    """Whether SOPS has encrypted a file of any of its formats: YAML, JSON, dotenv, INI or binary."""
    if re.search(r"^sops_mac=ENC\[", text, re.MULTILINE):
        return True
    try:
        return any(is_encrypted(each.value) for each in parse("", text))
    except InputError:
        return False


def check_rendered(documents: list[Document], folder: str) -> Iterator[Finding]:
    """Secrets in what kustomize makes of a folder: nothing that generators or patches do escapes this."""
    for document in documents:
        if document.kind != "Secret":
            continue
        for part in ("data", "stringData"):
            for path, leaf in _leaves(document.value.get(part), part):
                if not _harmless(leaf) and not (part == "data" and _encrypted_inside(leaf)):
                    problem = f"renders Secret {document.name} with {path} in plaintext"
                    yield Finding(RULE, f"{folder}/kustomization.yaml", 1, problem, REMEDY)


def _encrypted_inside(leaf: Any) -> bool:
    """A file that SOPS encrypted, which secretGenerator has turned to base64: Flux decrypts it."""
    try:
        return _sops_file(base64.b64decode("".join(str(leaf).split()), validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        return False
