#!/usr/bin/env python3
"""A stand-in for `k3s kubectl` on a server: not Kubernetes. Objects are in one JSON file, and nothing reconciles them.

It has only what Skerry's hand-off uses: version, config view, get, apply --server-side from standard input, patch
--type=merge of spec, annotate, delete, wait --for=delete. Unknown arguments are errors. The argv of every call is
recorded in `kubectl.jsonl`, where tests look for secrets. The API server in its kubeconfig is a plain TCP listener of
the test.
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
    """The key of an object in the state. As in Kubernetes, a namespace is ignored for an object that has none."""
    return f"{kind.lower()}/{'' if kind.lower() == 'namespace' else namespace}/{name}"


def option(arguments: list[str], *names: str) -> str:
    """Remove an option (`-n x`, `--namespace x` or `--type=x`) from the arguments. Returns its value, "" without it."""
    for position, word in enumerate(arguments):
        if word in names:
            arguments.pop(position)
            return arguments.pop(position)
        if word.partition("=")[0] in names:
            return arguments.pop(position).partition("=")[2]
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
        installed = any(name.startswith("gitrepository/") for name in state)
        print(json.dumps({"items": [{"metadata": {"name": name}} for name in crds if installed]}))
    elif everywhere and not any(name.startswith("gitrepository/") for name in state):
        sys.exit('error: the server doesn\'t have a resource type "gitrepositories"')
    elif everywhere:
        selected = {KINDS[kind.partition(".")[0]] for kind in kinds.split(",")}
        items = [item for name, item in state.items() if name.partition("/")[0] in selected]
        print(json.dumps({"items": items}))
    elif not names:
        selected = {kind.removesuffix("s") for kind in kinds.split(",")}
        items = [
            item
            for name, item in state.items()
            if item["kind"].lower() in selected and name.split("/")[1] == namespace
        ]
        print(json.dumps({"items": items}))
    elif item := state.get(key(kinds, namespace, names[0])):
        print(json.dumps(item))


def apply(arguments: list[str], state: dict[str, Any]) -> None:
    assert "--server-side" in arguments
    assert arguments[-2:] == ["-f", "-"]
    manifest = json.load(sys.stdin)
    metadata = manifest["metadata"]
    name = key(manifest["kind"], metadata.get("namespace", ""), metadata["name"])
    old = state.get(name, {})
    manifest["data"] = old.get("data", {}) | {
        field: base64.b64encode(text.encode()).decode()
        for field, text in manifest.pop("stringData", {}).items()
    }
    state[name] = {**old, **manifest, "metadata": {**old.get("metadata", {}), **metadata}}


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
