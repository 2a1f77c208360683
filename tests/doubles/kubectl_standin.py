#!/usr/bin/env python3
"""A stand-in for `k3s kubectl` on a server: not Kubernetes. Objects live in one JSON file; nothing reconciles.

It knows exactly what Skerry's hand-off asks for: version, config view, get, apply --server-side from standard
input, patch --type=merge of spec, annotate, delete, wait --for=delete. Unknown arguments are refused loudly. Every
call's argv is recorded in `kubectl.jsonl`, so that tests can look for secrets there. The API server that its
kubeconfig names is a plain TCP listener of the test.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["SKERRY_FLUX_STANDIN"])
STATE = FOLDER / "state.json"
KINDS = {"gitrepositories": "gitrepository", "kustomizations": "kustomization", "helmreleases": "helmrelease"}


def key(kind: str, namespace: str, name: str) -> str:
    """Where an object lies; as with the real one, a namespace given for what has none counts for nothing."""
    return f"{kind.lower()}/{'' if kind.lower() == 'namespace' else namespace}/{name}"


def option(arguments: list[str], *names: str) -> str:
    """The value of `-n x`, `--namespace x` or `--type=x`, both words removed."""
    for place, word in enumerate(arguments):
        if word in names:
            arguments.pop(place)
            return arguments.pop(place)
        if word.partition("=")[0] in names:
            return arguments.pop(place).partition("=")[2]
    return ""


def get(arguments: list[str], state: dict[str, Any]) -> None:
    namespace, _ = option(arguments, "-n", "--namespace"), option(arguments, "-o")
    everywhere = "--all-namespaces" in arguments
    kinds, *names = [word for word in arguments if not word.startswith("--")]
    if kinds == "crd":
        crds = [
            f"{plural}.{group}.toolkit.fluxcd.io"
            for plural, group in (
                ("gitrepositories", "source"),
                ("kustomizations", "kustomize"),
                ("helmreleases", "helm"),
            )
        ]
        have = any(each.startswith("gitrepository/") for each in state)
        print(json.dumps({"items": [{"metadata": {"name": name}} for name in crds if have]}))
    elif everywhere and not any(each.startswith("gitrepository/") for each in state):
        sys.exit(
            'error: the server does not have a resource type "gitrepositories"'.replace("does not", "doesn't")
        )
    elif everywhere:
        wanted = {KINDS[each.partition(".")[0]] for each in kinds.split(",")}
        print(
            json.dumps({"items": [each for name, each in state.items() if name.partition("/")[0] in wanted]})
        )
    elif not names:
        wanted = {each.removesuffix("s") for each in kinds.split(",")}
        found = [
            each
            for name, each in state.items()
            if each["kind"].lower() in wanted and name.split("/")[1] == namespace
        ]
        print(json.dumps({"items": found}))
    elif one := state.get(key(kinds, namespace, names[0])):
        print(json.dumps(one))


def apply(arguments: list[str], state: dict[str, Any]) -> None:
    assert "--server-side" in arguments
    assert arguments[-2:] == ["-f", "-"]
    manifest = json.load(sys.stdin)
    metadata = manifest["metadata"]
    place = key(manifest["kind"], metadata.get("namespace", ""), metadata["name"])
    old = state.get(place, {})
    manifest["data"] = old.get("data", {}) | {
        name: base64.b64encode(text.encode()).decode()
        for name, text in manifest.pop("stringData", {}).items()
    }
    state[place] = {**old, **manifest, "metadata": {**old.get("metadata", {}), **metadata}}


def patch(arguments: list[str], state: dict[str, Any]) -> None:
    namespace, _, text = (
        option(arguments, "--namespace"),
        option(arguments, "--type"),
        option(arguments, "--patch"),
    )
    kind, name = arguments
    state[key(kind.partition(".")[0], namespace, name)]["spec"] |= json.loads(text)["spec"]


def annotate(arguments: list[str], state: dict[str, Any]) -> None:
    namespace = option(arguments, "-n")
    kind, name, text = [word for word in arguments if word != "--overwrite"]
    annotation, _, value = text.partition("=")
    metadata = state[key(KINDS[kind.partition(".")[0]], namespace, name)]["metadata"]
    metadata["annotations"] = metadata.get("annotations", {}) | {annotation: value}


def delete(arguments: list[str], state: dict[str, Any]) -> None:
    namespace = option(arguments, "-n")
    kind, name = [word for word in arguments if not word.startswith("--")]
    state.pop(key(kind, namespace, name), None)


def main() -> None:
    with (FOLDER / "kubectl.jsonl").open("a") as file:
        file.write(json.dumps(sys.argv) + "\n")
    assert sys.argv[1] == "kubectl"
    verb, arguments, state = sys.argv[2], sys.argv[3:], json.loads(STATE.read_text())
    if verb == "version":
        print(json.dumps({"serverVersion": {"major": "1", "minor": "36", "gitVersion": "v1.36.3+k3s1"}}))
    elif verb == "config":
        print((FOLDER / "k3s.yaml").read_text())
    elif verb == "get":
        get(arguments, state)
    elif verb == "wait":
        assert arguments[0] == "--for=delete"
        if arguments[1].replace("/", "//") in state:
            sys.exit("error: timed out waiting for the condition on namespaces/flux-system")
    else:
        {"annotate": annotate, "apply": apply, "patch": patch, "delete": delete}[verb](arguments, state)
        STATE.write_text(json.dumps(state))


main()
