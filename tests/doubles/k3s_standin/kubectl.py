"""`k3s kubectl` with the commands that an installer needs. It refuses all others."""

from __future__ import annotations

import os
import sys

from . import VERSION
from .client import KubeconfigError, from_kubeconfig
from .kubectl_verbs import Kubectl, KubectlError, refused

VALUES = {
    "o",
    "output",
    "n",
    "namespace",
    "kubeconfig",
    "timeout",
    "grace-period",
    "for",
    "raw",
    "request-timeout",
}
SWITCHES = {
    "A",
    "all",
    "all-namespaces",
    "delete-emptydir-data",
    "disable-eviction",
    "force",
    "ignore-daemonsets",
    "ignore-not-found",
    "no-headers",
    "now",
    "wait",
}


def run(arguments: list[str]) -> int:
    try:
        words, options = _parse(arguments)
        return _run(words, options)
    except (KubectlError, KubeconfigError) as error:
        text = str(error)
        print(
            text if text.startswith(("Error", "The connection", "Unable")) else f"error: {text}",
            file=sys.stderr,
        )
        return 1


def _run(words: list[str], options: dict[str, str]) -> int:
    verb = (words or ["help"])[0]
    if verb == "version":
        print(f"Client Version: {VERSION} (stand-in)")
    path = options.get("kubeconfig") or os.environ.get("KUBECONFIG") or "/etc/rancher/k3s/k3s.yaml"
    if not os.path.exists(path) and "kubeconfig" not in options:  # noqa: PTH110 - pathlib costs 10 ms
        refused("localhost:8080")
    kubectl = Kubectl(from_kubeconfig(path), options)
    action = {
        "cordon": lambda: kubectl.cordon(words[1:], True),
        "delete": lambda: kubectl.delete(words[1:]),
        "drain": lambda: kubectl.drain(words[1:]),
        "get": lambda: kubectl.get(words[1:]),
        "uncordon": lambda: kubectl.cordon(words[1:], False),
        "version": lambda: print(f"Server Version: {kubectl.ask('GET', '/version')['gitVersion']}"),
        "wait": lambda: kubectl.wait(words[1:]),
    }.get(verb)
    if action is None:
        raise KubectlError(f'unknown command "{verb}" for "kubectl" (stand-in)')
    action()
    return 0


def _parse(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    words, options, rest = [], {}, list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-"):
            words.append(argument)
            continue
        name, equals, value = argument.lstrip("-").partition("=")
        if not equals and name[:1] in ("o", "n") and argument[1] != "-" and len(name) > 1:
            name, equals, value = name[0], "=", name[1:]  # -ojson
        if name in SWITCHES:
            options[name] = value or "true"
        elif name not in VALUES:
            raise KubectlError(f"unknown flag: {argument} (stand-in)")
        else:
            options[name] = value if equals else (rest.pop(0) if rest else "")
    return words, options
