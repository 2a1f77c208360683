"""Check the cluster before a hand-off."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from skerry.commands.fleet.flux_keys import claim, claimed
from skerry.local import tools
from skerry.model.errors import InputError
from skerry.model.flux import check_versions, followed_location, installed_version
from skerry.model.flux_target import Target
from skerry.remote.kubernetes import Cluster, last_line


def check_cluster(cluster: Cluster, flux: str, kubeconfig: Path, context: str) -> str:
    """Check K3s's version, and that flux fits and reaches the cluster. Returns flux's version. Raises InputError."""
    server = json.loads(cluster.kubectl("version", "-o", "json"))["serverVersion"]
    kubernetes = (int(server["major"]), int(re.sub(r"\D.*", "", server["minor"])))
    expected = cluster.host.settings.k3s_version
    if server["gitVersion"] != expected:
        raise InputError(
            f"{cluster.host.name}: runs {server['gitVersion']}, the inventory says {expected}; run `invoke up`"
        )
    version = tools.flux_version()
    check_versions(version, kubernetes)
    command = [flux, "check", "--pre", f"--kubeconfig={kubeconfig}", f"--context={context}"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise InputError(
            f"{cluster.host.name}: `flux check --pre` failed through the SSH tunnel: {last_line(done.stderr)}; "
            "correct that first"
        )
    return version


def check_location(cluster: Cluster, target: Target, copy: Path, adopt: bool) -> str:
    """Returns the version of the Flux that follows the target, "" if the cluster has no Flux.

    Raises InputError if Flux follows another target, or without `adopt` if another bootstrap has written to the folder.
    """
    objects = {(item["kind"], item["metadata"]["name"]): item for item in cluster.flux_objects()}
    source, root = (objects.get((kind, "flux-system")) for kind in ("GitRepository", "Kustomization"))
    if not source or not root:
        bootstrapped = (copy / target.path / "flux-system" / "gotk-sync.yaml").is_file()
        if bootstrapped and not adopt and claimed(cluster) != claim(target):
            raise InputError(
                f"{target.path} is followed by another cluster, or was by this one before it was rebuilt; "
                "give this cluster a folder of its own, or use --adopt"
            )
        return ""
    repository, branch, path = location = followed_location(source, root)
    if location != target.location:
        raise InputError(
            f"the cluster follows {path} on {branch} of {repository} already; "
            "correct the flux_ settings, or run `invoke flux-uninstall` first"
        )
    return installed_version(cluster.get("namespace", "flux-system"))
