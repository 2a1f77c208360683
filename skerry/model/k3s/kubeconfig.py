"""Merges access to a cluster into a kubeconfig that may contain other clusters."""

from __future__ import annotations

from typing import Any

import yaml

from skerry.model.errors import InputError

KINDS = ("clusters", "users", "contexts")


def named(k3s_yaml: str, name: str, server: str) -> dict[str, Any]:
    """Returns K3s's own kubeconfig with `name` instead of "default" and the API server's URL `server`."""
    config = _parse(k3s_yaml, "k3s.yaml")
    for kind in KINDS:
        config[kind][0]["name"] = name
    config["clusters"][0]["cluster"]["server"] = server
    config["contexts"][0]["context"] = {"cluster": name, "user": name}
    config["current-context"] = name
    return config


def merge(existing: str, added: dict[str, Any], path: str) -> str:
    """Returns `existing` with the entries of `added`, which replace entries of the same name.

    Other entries stay. The current context stays, too; without one, that of `added` is used. Raises InputError if
    `existing`, the text of the file `path`, is not a kubeconfig.
    """
    config: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
    if existing.strip():
        config = _parse(existing, path)
    for kind in KINDS:
        names = {entry["name"] for entry in added[kind]}
        others = [entry for entry in config.get(kind) or [] if entry["name"] not in names]
        config[kind] = [*others, *added[kind]]
    if not config.get("current-context"):
        config["current-context"] = added["current-context"]
    return yaml.safe_dump(config, sort_keys=False)


def _parse(text: str, path: str) -> dict[str, Any]:
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(config, dict) or not all(isinstance(config.get(kind) or [], list) for kind in KINDS):
        raise InputError(f"{path}: not a kubeconfig; move it away, or name another file with --file")
    return config
