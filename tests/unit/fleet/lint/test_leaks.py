"""Texts with one plaintext secret each, and texts without."""

from __future__ import annotations

from textwrap import indent

import pytest

from skerry.fleet.lint.documents import SourceFile, parse
from skerry.fleet.lint.leaks import check
from skerry.model.errors import InputError

ENC = "ENC[AES256_GCM,data:q83v,iv:q83v,tag:q83v,type:str]"
HEAD = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"
KUSTOMIZATION = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
# Concatenated, so that this file is not a leak by its own rules.
AGE_KEY = "AGE-SECRET-KEY-" + "1" + "Q" * 58
PEM = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nb3Bl"


def patching(patch: str) -> str:
    return f"{KUSTOMIZATION}patches:\n  - target: {{kind: Secret}}\n    patch: |\n{indent(patch, ' ' * 6)}"


def config_map(text: str) -> str:
    return f"kind: ConfigMap\ndata:\n  text: |\n{indent(text, '    ')}\n"


LAST_APPLIED = "annotations: {kubectl.kubernetes.io/last-applied-configuration: x}"
LEAKS = {
    "base64 is plaintext": f"{HEAD}data: {{p: cGxhaW4=}}\n",
    "one key of an encrypted file": f"{HEAD}stringData: {{p: '{ENC}', q: plain}}\nsops: {{mac: x}}\n",
    "text after an encrypted value": f"{HEAD}stringData: {{p: '{ENC} plain'}}\n",
    "a number": f"{HEAD}stringData: {{p: 1234}}\n",
    "an alias": f"x: &x {{p: plain}}\n{HEAD}stringData: *x\n",
    "a manifest in a ConfigMap": config_map(f"{HEAD}stringData: {{p: plain}}\n"),
    "an inline JSON patch": patching("- {op: add, path: /data/p, value: cGxhaW4=}\n"),
    "an inline merge patch": patching("kind: Secret\nmetadata: {name: a}\nstringData: {p: plain}\n"),
    "JSON": '{"kind": "Secret", "metadata": {"name": "a"}, "stringData": {"p": "plain"}}',
    "a List in a List": "kind: List\nitems: [{kind: List, items: [{kind: Secret, stringData: {p: plain}}]}]\n",
    "an age key in a comment": f"# {AGE_KEY}\n{HEAD}",
    "a PEM key in a ConfigMap": config_map(PEM),
    "the last-applied annotation": f"kind: Secret\nmetadata:\n  {LAST_APPLIED}\ndata: {{p: '{ENC}'}}\n",
}
FINE = {
    "encrypted": f"{HEAD}stringData: {{p: '{ENC}'}}\nsops: {{mac: x}}\n",
    "without data": HEAD,
    "empty": f"{HEAD}data: {{p: ''}}\n",
    "a variable that Flux fills in": f"{HEAD}stringData: {{p: '${{password}}'}}\n",
    "a reference to a Secret": "kind: HelmRelease\nspec:\n  valuesFrom: [{kind: Secret, name: a}]\n",
    "another kind": "kind: SealedSecret\nspec: {encryptedData: {p: Ag}}\n",
    "prose": config_map("kind: Secret\nis explained here: really\n"),
}


def problems(text: str, name: str = "a.yaml") -> list[str]:
    documents = parse(name, text) if name.endswith((".yaml", ".json")) else []
    return [f"{finding.line}: {finding.problem}" for finding in check(SourceFile(name, text, documents))]


@pytest.mark.parametrize("text", LEAKS.values(), ids=LEAKS)
def test_a_leak(text: str) -> None:
    assert len(problems(text)) == 1


@pytest.mark.parametrize("text", FINE.values(), ids=FINE)
def test_no_leak(text: str) -> None:
    assert problems(text) == []


def test_private_keys_are_found_in_any_text_file() -> None:
    assert problems(f"\n{AGE_KEY}\n", "notes.txt") == ["2: holds a private key in plaintext"]


def test_a_duplicate_key_is_refused_because_it_could_hide_a_secret() -> None:
    with pytest.raises(InputError, match=r"a.yaml:5: .*'stringData' is duplicated"):
        parse("a.yaml", f"{HEAD}stringData: {{p: plain}}\nstringData: {{p: '{ENC}'}}\n")


def test_documents_know_their_first_line() -> None:
    text = "# first\nkind: A\n---\n# second\nkind: B\n---\n---\nkind: C\n"
    assert [(each.kind, each.line) for each in parse("a.yaml", text)] == [("A", 2), ("B", 4), ("C", 8)]
