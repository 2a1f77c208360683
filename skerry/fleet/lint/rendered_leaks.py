"""Plaintext secrets in what kustomize makes of a folder, which shows all that generators and patches do."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from skerry.fleet.lint.documents import Document
from skerry.fleet.lint.finding import LintFinding
from skerry.fleet.lint.leaks import REMEDY, RULE, is_harmless, is_sops_text, leaves


def check(documents: list[Document], folder: str) -> Iterator[LintFinding]:
    """Every plaintext value of a Secret in the documents that `folder` renders to."""
    for document in documents:
        if document.kind != "Secret":
            continue
        for part in ("data", "stringData"):
            for path, leaf in leaves(document.value.get(part), part):
                if not is_harmless(leaf) and not (part == "data" and _holds_encrypted_file(leaf)):
                    problem = f"renders Secret {document.name} with {path} in plaintext"
                    yield LintFinding(RULE, f"{folder}/kustomization.yaml", 1, problem, REMEDY)


def _holds_encrypted_file(leaf: Any) -> bool:
    """Whether a value is the base64 text of a file that SOPS has encrypted: Flux decrypts it."""
    try:
        return is_sops_text(base64.b64decode("".join(str(leaf).split()), validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        return False
