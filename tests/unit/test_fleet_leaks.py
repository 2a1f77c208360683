"""Plaintext secrets by structure: what hides one, and what is none."""

from __future__ import annotations

import pytest

from cluster.errors import InputError
from fleet.lint.documents import Source, parse
from fleet.lint.leaks import check

ENC = "ENC[AES256_GCM,data:q83v,iv:q83v,tag:q83v,type:str]"
HEAD = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"
PATCHING = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches:\n  - target: {kind: Secret}\n    patch: |\n"
# Put together here, so that this file holds no key by its own rules.
AGE_KEY = "AGE-SECRET-KEY-" + "1" + "Q" * 58
PEM = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nb3Bl"


def problems(text: str, name: str = "a.yaml") -> list[str]:
    documents = parse(name, text) if name.endswith((".yaml", ".json")) else []
    return [f"{finding.line}: {finding.problem}" for finding in check(Source(name, text, documents))]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{HEAD}data: {{p: cGxhaW4=}}\n", id="base64 is plaintext"),
        pytest.param(f"{HEAD}stringData: {{p: {ENC}, q: plain}}\nsops: {{mac: x}}\n", id="one key of an encrypted file"),
        pytest.param(f"{HEAD}stringData: {{p: '{ENC} plain'}}\n", id="text after an encrypted value"),
        pytest.param(f"{HEAD}stringData: {{p: 1234}}\n", id="a number"),
        pytest.param(f"x: &x {{p: plain}}\n{HEAD}stringData: *x\n", id="an alias"),
        pytest.param(f"apiVersion: v1\nkind: ConfigMap\ndata:\n  m.yaml: |\n    {HEAD.replace(chr(10), chr(10) + '    ')}stringData: {{p: plain}}\n", id="a manifest in a ConfigMap"),
        pytest.param(f"{PATCHING}      - {{op: add, path: /data/p, value: cGxhaW4=}}\n", id="an inline JSON patch"),
        pytest.param(f"{PATCHING}      kind: Secret\n      metadata: {{name: a}}\n      stringData: {{p: plain}}\n", id="an inline merge patch"),
        pytest.param('{"kind": "Secret", "metadata": {"name": "a"}, "stringData": {"p": "plain"}}', id="JSON"),
        pytest.param("kind: List\nitems:\n  - kind: List\n    items:\n      - {kind: Secret, stringData: {p: plain}}\n", id="a List in a List"),
        pytest.param(f"# {AGE_KEY}\n{HEAD}", id="an age key in a comment"),
        pytest.param(f"kind: ConfigMap\ndata:\n  k: |\n    {PEM.replace(chr(10), chr(10) + '    ')}\n", id="a PEM key in a ConfigMap"),
        pytest.param(f"{HEAD.replace('{name: a}', chr(10) + '  annotations: {kubectl.kubernetes.io/last-applied-configuration: x}')}data: {{p: '{ENC}'}}\n", id="the last-applied annotation"),
    ],
)  # fmt: skip
def test_a_leak(text: str) -> None:
    assert len(problems(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{HEAD}stringData: {{p: '{ENC}'}}\nsops: {{mac: x}}\n", id="encrypted"),
        pytest.param(HEAD, id="without data"),
        pytest.param(f"{HEAD}data: {{p: ''}}\n", id="empty"),
        pytest.param(f"{HEAD}stringData: {{p: '${{password}}'}}\n", id="a variable that Flux fills in"),
        pytest.param(
            "kind: HelmRelease\nspec:\n  valuesFrom: [{kind: Secret, name: a}]\n",
            id="a reference to a Secret",
        ),
        pytest.param("kind: SealedSecret\nspec: {encryptedData: {p: Ag}}\n", id="another kind"),
        pytest.param(
            "kind: ConfigMap\ndata:\n  note: |\n    kind: Secret\n    is explained here: really\n", id="prose"
        ),
    ],
)
def test_no_leak(text: str) -> None:
    assert problems(text) == []


def test_private_keys_are_found_in_any_text_file() -> None:
    assert problems(f"\n{AGE_KEY}\n", "notes.txt") == ["2: holds a private key in plaintext"]


def test_a_key_that_stands_twice_is_refused_for_it_could_hide_one() -> None:
    with pytest.raises(InputError, match=r"a.yaml:5: .*'stringData' stands twice"):
        parse("a.yaml", f"{HEAD}stringData: {{p: plain}}\nstringData: {{p: '{ENC}'}}\n")


def test_documents_know_the_line_they_begin_on() -> None:
    text = "# first\nkind: A\n---\n# second\nkind: B\n---\n---\nkind: C\n"
    assert [(each.kind, each.line) for each in parse("a.yaml", text)] == [("A", 2), ("B", 4), ("C", 8)]
