#!/usr/bin/env python3
"""A stand-in for the `flux` command line: not Flux. It records how it was called, and does what tests look at.

Every call appends argv, environment and standard input to `calls.jsonl` in $SKERRY_FLUX_STANDIN. What it does:

- `version --client` says v2.9.4, or what $SKERRY_FLUX_VERSION says.
- `check --pre` opens a TCP connection to the kubeconfig's server, which proves the tunnel, and sends nothing.
- `bootstrap git` clones --url over SSH with --private-key-file, commits flux-system/ below --path, pushes, and
  puts into the stand-in cluster's state what the controllers would: sources and Kustomizations, Ready at the
  pushed commit, and the Git server's keys. `bootstrap github|gitlab|gitea` does that with the repository in
  $SKERRY_FLUX_REMOTE. Nothing else changes when it is called again. With $SKERRY_FLUX_FAIL its text goes to
  standard error before the push, exit 1. With $SKERRY_FLUX_UNHEALTHY all is done, but no controller runs and no
  object has a status: exit 1 with the real one's last line.
- `uninstall` empties the state; with $SKERRY_FLUX_TERMINATING the namespace stays, as while it is on its way out.

It installs no controllers, creates no deploy key, knows no other flag. Flux's own texts are as in fluxcd/flux2
v2.9.4, cmd/flux/.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FOLDER = Path(os.environ["SKERRY_FLUX_STANDIN"])
STATE = FOLDER / "state.json"
VERSION = os.environ.get("SKERRY_FLUX_VERSION", "v2.9.4")
UNHEALTHY = (
    "✗ bootstrap failed with 3 health check failure(s): [error while waiting for GitRepository to be ready: "
    "'context deadline exceeded', error while waiting for Kustomization to be ready: 'client rate limiter Wait "
    "returned an error: context deadline exceeded', timed out waiting for all resources to be ready]"
)
PREFERRED = (
    "ecdsa-sha2-nistp256",
    "ssh-rsa",
    "ssh-ed25519",
)  # defaultHostKeyAlgos of golang.org/x/crypto/ssh


def option(name: str) -> str:
    return next((each.partition("=")[2] for each in sys.argv if each.startswith(f"--{name}=")), "")


def record() -> None:
    call = {"argv": sys.argv, "environment": dict(os.environ), "stdin": sys.stdin.read()}
    with (FOLDER / "calls.jsonl").open("a") as file:
        file.write(json.dumps(call) + "\n")


def check() -> None:
    text = Path(option("kubeconfig")).read_text()
    server = urlsplit(
        next(line.split()[1] for line in text.splitlines() if line.strip().startswith("server:"))
    )
    with socket.create_connection((server.hostname, server.port or 443), timeout=10) as connection:
        if connection.recv(16) != b"api":
            sys.exit("✗ Kubernetes API call failed")
    print("► checking prerequisites\n✔ Kubernetes 1.36.3+k3s1 >=1.33.0-0\n✔ prerequisites checks passed")


def git(*arguments: str, cwd: str | None = None) -> str:
    environment = dict(os.environ)
    if option("private-key-file"):
        trusting = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        key = option("private-key-file")
        environment["GIT_SSH_COMMAND"] = f"ssh -i {key} -o IdentitiesOnly=yes {trusting}"
    return subprocess.run(
        ["git", *arguments], cwd=cwd, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


def flux_object(kind: str, name: str, commit: str, spec: dict[str, Any]) -> dict[str, Any]:
    group = "source" if kind == "GitRepository" else "kustomize"
    revision = f"{option('branch')}@sha1:{commit}"
    status = {
        "observedGeneration": 1,
        "conditions": [{"type": "Ready", "status": "True", "message": f"Applied revision: {revision}"}],
    }
    status |= (
        {"artifact": {"revision": revision}} if kind == "GitRepository" else {"lastAppliedRevision": revision}
    )
    metadata = {"name": name, "namespace": "flux-system", "generation": 1}
    return {
        "apiVersion": f"{group}.toolkit.fluxcd.io/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
        "status": status,
    }


def scanned() -> str:
    """The one key that the Git server shows to Go's SSH client, or $SKERRY_FLUX_SCANNED; base64."""
    url = urlsplit(option("url"))
    command = ["ssh-keyscan", "-p", str(url.port or 22), url.hostname or ""]
    shown = subprocess.run(command, capture_output=True, text=True).stdout if url.hostname else ""
    lines = sorted(shown.splitlines(), key=lambda line: PREFERRED.index(line.split()[1]))
    return base64.b64encode(os.environ.get("SKERRY_FLUX_SCANNED", "".join(lines[:1])).encode()).decode()


def bootstrap() -> None:
    print("► connecting to the repository")
    if failure := os.environ.get("SKERRY_FLUX_FAIL"):
        sys.exit(failure)
    remote, path = option("url") or os.environ["SKERRY_FLUX_REMOTE"], option("path")
    with tempfile.TemporaryDirectory() as folder:
        git("clone", "--quiet", f"--branch={option('branch')}", remote, folder)
        own = Path(folder, path, "flux-system")
        own.mkdir(exist_ok=True)
        (own / "gotk-components.yaml").write_text(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: flux-system\n"
        )
        (own / "gotk-sync.yaml").write_text(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: flux-system\n"
            f"  namespace: flux-system\nspec:\n  interval: 10m0s\n  path: ./{path}\n  prune: true\n"
            "  sourceRef:\n    kind: GitRepository\n    name: flux-system\n"
        )
        (own / "kustomization.yaml").write_text(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
            "resources:\n- gotk-components.yaml\n- gotk-sync.yaml\n"
        )
        git("add", "--all", cwd=folder)
        if git("status", "--porcelain", cwd=folder):
            identity = (
                "-c",
                "user.name=Flux",
                "-c",
                "user.email=flux@example.org",
                "-c",
                "core.hooksPath=/dev/null",
            )
            git(*identity, "commit", "--quiet", "--message", "Add Flux sync manifests", cwd=folder)
            git("push", "--quiet", cwd=folder)
        commit = git("rev-parse", "HEAD", cwd=folder)
        names = [
            line.partition(": ")[2]
            for file in sorted(Path(folder, path).glob("*.yaml"))
            for line in file.read_text().splitlines()
            if line.startswith("  name: ")
        ]
    url = (
        f"ssh://git@{option('hostname')}/{option('owner')}/{option('repository')}"
        if option("owner")
        else remote
    )
    state = json.loads(STATE.read_text())
    source = {"kind": "GitRepository", "name": "flux-system"}
    objects = [
        flux_object("GitRepository", "flux-system", commit, {"url": url, "ref": {"branch": option("branch")}})
    ]
    objects += [
        flux_object("Kustomization", name, commit, {"path": f"./{path}", "sourceRef": source})
        for name in ["flux-system", *names]
    ]
    for each in objects:
        state[f"{each['kind'].lower()}/flux-system/{each['metadata']['name']}"] = each
    metadata = {"name": "flux-system", "namespace": "flux-system"}
    place, key = "secret/flux-system/flux-system", option("private-key-file")
    if key or place not in state:  # a key of one's own is put there each time, one that Flux made stays
        encoded = base64.b64encode(Path(key).read_bytes() if key else b"made").decode()
        data = {"identity": encoded, "identity.pub": "", "known_hosts": scanned()}
        state[place] = {"kind": "Secret", "metadata": metadata, "data": data}
    space = state.setdefault(
        "namespace//flux-system", {"kind": "Namespace", "metadata": {"name": "flux-system"}}
    )
    space["metadata"]["labels"] = {"app.kubernetes.io/version": VERSION}
    healthy = "SKERRY_FLUX_UNHEALTHY" not in os.environ
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": "source-controller", "namespace": "flux-system"},
        "status": {"availableReplicas": 1} if healthy else {"observedGeneration": 1},
    }
    state["deployment/flux-system/source-controller"] = deployment
    if not healthy:
        for each in objects:
            del each["status"]
    STATE.write_text(json.dumps(state))
    print("✔ all components are healthy" if healthy else "✗ source-controller: deployment not ready")
    if not healthy:
        sys.exit(UNHEALTHY)


record()
if sys.argv[1] == "version":
    print(json.dumps({"flux": VERSION}))
elif sys.argv[1] == "check":
    check()
elif sys.argv[1] == "bootstrap":
    bootstrap()
elif sys.argv[1] == "uninstall":
    place = "namespace//flux-system"
    kept = {place: json.loads(STATE.read_text())[place]} if "SKERRY_FLUX_TERMINATING" in os.environ else {}
    STATE.write_text(json.dumps(kept))
else:
    sys.exit(f"✗ the stand-in does not know {sys.argv[1]}")
