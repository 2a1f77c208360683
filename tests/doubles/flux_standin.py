#!/usr/bin/env python3
"""A stand-in for the `flux` command line: not Flux. It records each call and has the effects that tests look at.

Every call appends argv, environment and standard input to `calls.jsonl` in $SKERRY_FLUX_STANDIN. Commands:

- `version --client` prints v2.9.4, or $SKERRY_FLUX_VERSION.
- `check --pre` opens a TCP connection to the kubeconfig's server, which proves that the tunnel works, and sends
  nothing.
- `bootstrap git` clones --url over SSH with --private-key-file, commits flux-system/ below --path, pushes, and adds
  the objects of the controllers to the stand-in cluster: sources and Kustomizations, Ready at the pushed commit, and
  the Git server's host key. `bootstrap github|gitlab|gitea` does the same with the repository in $SKERRY_FLUX_REMOTE.
  A second call changes nothing more. $SKERRY_FLUX_FAIL is an error message: printed before the push, exit 1.
  With $SKERRY_FLUX_UNHEALTHY everything is done, but no controller runs and no object has a status: exit 1 with the
  last line of the real message.
- `uninstall` empties the stand-in cluster. With $SKERRY_FLUX_TERMINATING the namespace remains, as while Kubernetes
  is still deleting it.

It installs no controllers, creates no deploy key and knows no other flags. Messages are those of fluxcd/flux2 v2.9.4,
cmd/flux/.
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
# defaultHostKeyAlgos of golang.org/x/crypto/ssh
PREFERRED = ("ecdsa-sha2-nistp256", "ssh-rsa", "ssh-ed25519")


def option(name: str) -> str:
    return next((word.partition("=")[2] for word in sys.argv if word.startswith(f"--{name}=")), "")


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
    """The host key that Go's SSH client would get from the Git server, or $SKERRY_FLUX_SCANNED; base64."""
    url = urlsplit(option("url"))
    command = ["ssh-keyscan", "-p", str(url.port or 22), url.hostname or ""]
    keys = subprocess.run(command, capture_output=True, text=True).stdout if url.hostname else ""
    lines = sorted(keys.splitlines(), key=lambda line: PREFERRED.index(line.split()[1]))
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
    for item in objects:
        state[f"{item['kind'].lower()}/flux-system/{item['metadata']['name']}"] = item
    metadata = {"name": "flux-system", "namespace": "flux-system"}
    secret, key = "secret/flux-system/flux-system", option("private-key-file")
    if key or secret not in state:  # Flux stores a given key each time, and keeps a key that it has generated
        encoded = base64.b64encode(Path(key).read_bytes() if key else b"made").decode()
        data = {"identity": encoded, "identity.pub": "", "known_hosts": scanned()}
        state[secret] = {"kind": "Secret", "metadata": metadata, "data": data}
    namespace = state.setdefault(
        "namespace//flux-system", {"kind": "Namespace", "metadata": {"name": "flux-system"}}
    )
    namespace["metadata"]["labels"] = {"app.kubernetes.io/version": VERSION}
    healthy = "SKERRY_FLUX_UNHEALTHY" not in os.environ
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": "source-controller", "namespace": "flux-system"},
        "status": {"availableReplicas": 1} if healthy else {"observedGeneration": 1},
    }
    state["deployment/flux-system/source-controller"] = deployment
    if not healthy:
        for item in objects:
            del item["status"]
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
    namespace = "namespace//flux-system"
    state = json.loads(STATE.read_text())
    remaining = {namespace: state[namespace]} if "SKERRY_FLUX_TERMINATING" in os.environ else {}
    STATE.write_text(json.dumps(remaining))
else:
    sys.exit(f"✗ the stand-in does not know {sys.argv[1]}")
