"""Flux: checks of its settings, the Kubernetes versions it supports, and the repository it follows."""

from __future__ import annotations

import re
from typing import Any

from skerry.model.errors import InputError

# Oldest and newest minor of Kubernetes 1 for each minor of Flux: the oldest that `flux check` accepts (constraints in
# cmd/flux/check.go), the newest that the release notes of fluxcd/flux2 name as tested.
MATRIX = {"2.5": (30, 32), "2.6": (31, 33), "2.7": (32, 34), "2.8": (33, 35), "2.9": (34, 36)}


def check_flux(forge: str, name: str, value: str) -> None:
    """Raise InputError if the `value` of setting `name` does not suit the forge."""
    if forge == "none":
        return
    if name != "flux_private_key" and not value:
        raise InputError(f"is empty, but flux_forge is {forge!r}; set it")
    if name == "flux_repository" and value.startswith("ssh://") != (forge == "git"):
        form = "'ssh://git@git.example.org/fleet.git'" if forge == "git" else "'owner/name'"
        raise InputError(f"{value!r} does not go with flux_forge {forge!r}; write it as {form}")
    if name == "flux_private_key" and forge == "git" and not value:
        raise InputError("is empty, but flux_forge is 'git'; set it to the SSH key that Flux shall use")


def check_versions(flux: str, kubernetes: tuple[int, int]) -> None:
    """Raise InputError unless the Flux version is known to work with a Kubernetes (major, minor)."""
    minor = ".".join(flux.split(".")[:2])
    if minor not in MATRIX:
        known = f"{next(iter(MATRIX))} to {list(MATRIX)[-1]}"
        raise InputError(f"Flux {flux} is outside the known versions {known}; install one of these")
    oldest, newest = MATRIX[minor]
    if not oldest <= kubernetes[1] <= newest:
        suitable = [version for version, (low, high) in MATRIX.items() if low <= kubernetes[1] <= high]
        remedy = f"use Flux {suitable[-1]}" if suitable else "choose another k3s_version"
        raise InputError(
            f"Flux {flux} supports Kubernetes 1.{oldest} to 1.{newest}, the cluster runs 1.{kubernetes[1]}; {remedy}"
        )


def repository_id(url: str) -> str:
    """Returns a repository's URL reduced to host and path, in lower case, because Flux rewrites HTTPS as SSH URLs."""
    match = re.fullmatch(r"(?:\w+://)?(?:[^/@]+@)?([^/:]+)(?::\d+)?[/:](.+?)(?:\.git)?/?", url)
    return f"{match[1]}/{match[2]}".lower() if match else url


def followed_location(source: dict[str, Any], root: dict[str, Any]) -> tuple[str, str, str]:
    """Returns repository id, branch ("" if none is named) and folder of Flux's own GitRepository and Kustomization."""
    spec = source["spec"]
    path = str(root["spec"]["path"]).removeprefix("./").strip("/")
    return repository_id(spec["url"]), spec.get("ref", {}).get("branch", ""), path


def installed_version(namespace: dict[str, Any]) -> str:
    """Returns Flux's version, such as "2.9.4", from the labels of its namespace; "" if they contain none."""
    labels = namespace.get("metadata", {}).get("labels", {})
    return str(labels.get("app.kubernetes.io/version", "")).removeprefix("v")
