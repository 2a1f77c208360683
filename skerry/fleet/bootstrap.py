"""Compose the command and environment of `flux bootstrap`, and the manifests that go with it. Nothing runs here."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from skerry.model.flux_target import Target

# An annotation of Flux's namespace: the repository, branch and folder that the cluster was told to follow.
CLAIM = "skerry/follows"
TOKEN_USERS = {"github": "x-access-token", "gitlab": "oauth2", "gitea": "skerry"}


def command(flux: str, target: Target, kubeconfig: str, context: str) -> list[str]:
    """Returns the argv of `flux bootstrap`, without the token, which flux reads from its environment."""
    common = [
        f"--branch={target.branch}", f"--path={target.path}", f"--kubeconfig={kubeconfig}", f"--context={context}",
        f"--timeout={target.timeout_seconds}s", f"--network-policy={str(target.network_policy).lower()}",
    ]  # fmt: skip
    if target.forge == "git":
        own = [f"--url={target.repository}", f"--private-key-file={key_file(target)}", "--silent"]
        return [flux, "bootstrap", "git", *own, *common]
    owner, _, name = target.repository.rpartition("/")
    own = [f"--owner={owner}", f"--repository={name}", f"--hostname={target.host}"]
    return [flux, "bootstrap", target.forge, *own, f"--personal={str(target.personal).lower()}", *common]


def key_file(target: Target) -> Path:
    """Returns the path on this machine of the private SSH key for plain Git."""
    return Path(target.private_key).expanduser()


def git_environment(target: Target, token: str) -> dict[str, str]:
    """The variables that let Git reach the remote without a prompt: the token as a header, or the SSH key.

    Git reads the header from its environment (git-config(1), GIT_CONFIG_COUNT), so that no argv shows the token.
    """
    if target.forge == "git":
        known = f"UserKnownHostsFile=~/.ssh/known_hosts {target.known_hosts}".strip()
        options = ("IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=yes", known)
        ssh = shlex.join(
            ["ssh", "-i", str(key_file(target)), *(word for option in options for word in ("-o", option))]
        )
        return {"GIT_SSH_COMMAND": ssh, "GIT_TERMINAL_PROMPT": "0"}
    header = base64.b64encode(f"{TOKEN_USERS[target.forge]}:{token}".encode()).decode()
    return {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.https://{target.host}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {header}",
    }


def contradicting_key(scanned: str, known: str) -> str:
    """Returns the type of a scanned host key if keys of this type are known, but not this one; "" if there is none.

    Both arguments are lines of known_hosts files (sshd(8)) about one server.
    """
    known_keys = set(_keys(known))
    types = {kind for kind, _ in known_keys}
    return next((kind for kind, key in _keys(scanned) if kind in types and (kind, key) not in known_keys), "")


def pinned_keys(scanned: str, known: str, name: str) -> str:
    """Returns the known keys as lines for the server `name`; "" if every scanned key is known, or no key is known."""
    known_keys = dict.fromkeys(_keys(known))
    if set(_keys(scanned)) <= set(known_keys):
        return ""
    return "".join(f"{name} {kind} {key}\n" for kind, key in known_keys)


def _keys(lines: str) -> Iterator[tuple[str, str]]:
    """The type and key of each line of a known_hosts file, without lines about revoked keys and authorities."""
    for line in lines.splitlines():
        words = line.split()
        if len(words) >= 3 and not words[0].startswith(("#", "@")):
            yield words[1], words[2]


def redact(text: str, secrets: list[str]) -> str:
    """The text with "***" in place of the secrets, and of user and password in URLs."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return re.sub(r"://[^/\s@]+:[^/\s@]+@", "://***@", text)


def sops_age_manifest(private: str) -> dict[str, object]:
    """Returns the Secret that Kustomizations decrypt with. Flux reads only data keys that end in .agekey."""
    return _secret("sops-age", {"age.agekey": private})


def known_hosts_manifest(lines: str) -> dict[str, object]:
    """The part of Flux's own Secret that holds the Git server's host keys."""
    return _secret("flux-system", {"known_hosts": lines})


def _secret(name: str, data: dict[str, str]) -> dict[str, object]:
    metadata = {"name": name, "namespace": "flux-system"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def namespace(claim: str) -> dict[str, object]:
    """Flux's namespace, annotated with the location that the cluster was told to follow."""
    metadata = {"name": "flux-system", "annotations": {CLAIM: claim}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
