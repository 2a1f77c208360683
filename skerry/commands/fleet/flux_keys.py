"""The keys in Flux's namespace: the age key, the key to the repository, and the Git server's host keys."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

from skerry.fleet import bootstrap
from skerry.local import tools
from skerry.model.flux_target import Target
from skerry.remote.kubernetes import Cluster


def install_key(cluster: Cluster, target: Target, private: str) -> bool:
    """Create the namespace and the Secret sops-age, which Flux needs when it starts. Returns whether they changed."""
    changed = False
    if claimed(cluster) != claim(target):
        cluster.apply(bootstrap.namespace(claim(target)))
        changed = True
    if _secret(cluster, "sops-age").get("age.agekey") != private.encode():
        cluster.apply(bootstrap.sops_age_manifest(private))
        changed = True
    return changed


def claim(target: Target) -> str:
    """Returns the annotation that claims a folder for this cluster, so that an interrupted bootstrap can resume."""
    return " ".join(target.location)


def claimed(cluster: Cluster) -> str:
    """Returns the claim in the cluster, "" if there is none."""
    metadata = cluster.get("namespace", "flux-system").get("metadata", {})
    return str((metadata.get("annotations") or {}).get(bootstrap.CLAIM, ""))


def has_key(cluster: Cluster, target: Target) -> bool:
    """Whether Flux has a key to the repository. With plain Git (no token) it must be the settings' key."""
    data = _secret(cluster, "flux-system")
    if target.token_name:
        return bool(data)
    return data.get("identity") == bootstrap.key_file(target).read_bytes()


def drop_deploy_key(cluster: Cluster) -> None:
    """Delete Flux's deploy key, so that the next bootstrap makes a new one."""
    cluster.kubectl("delete", "secret", "flux-system", "-n", "flux-system", "--ignore-not-found")


def _secret(cluster: Cluster, name: str) -> dict[str, bytes]:
    """Returns the data of a Secret in Flux's namespace; {} if there is none."""
    data = cluster.get("secret", name, "-n", "flux-system").get("data", {})
    return {key: base64.b64decode(value) for key, value in data.items()}


def pin_host_key(cluster: Cluster, target: Target) -> bool:
    """Let Flux trust the Git server's host keys in the known_hosts files here. Returns whether Flux's list changed.

    The bootstrap trusts whatever key it scans. From OpenSSH that is an ECDSA key, but most known_hosts files hold an
    Ed25519 key, and keys of different types cannot be compared. Raises RuntimeError if keys of one type differ.
    Nothing changes if the files know no key of the server, or if Flux uses HTTPS.
    """
    scanned = _secret(cluster, "flux-system").get("known_hosts", b"").decode()
    files = [Path("~/.ssh/known_hosts").expanduser()]
    files += [Path(target.known_hosts)] if target.known_hosts else []
    known = "".join(_known_lines(file, target) for file in files if file.is_file())
    if kind := bootstrap.contradicting_key(scanned, known):
        raise RuntimeError(
            f"Flux got another {kind} host key of {target.host} than the known_hosts files here hold; an attacker may "
            "be between the cluster and its repository: find out, then run `invoke rotate-deploy-key`"
        )
    if not scanned or not (pinned := bootstrap.pinned_keys(scanned, known, target.ssh_name)):
        return False
    cluster.apply(bootstrap.known_hosts_manifest(pinned))
    return True


def _known_lines(file: Path, target: Target) -> str:
    """Returns the file's lines about the Git server, "" without any. ssh-keygen finds hashed names, too."""
    command = [tools.find("ssh-keygen"), "-F", target.ssh_name, "-f", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
