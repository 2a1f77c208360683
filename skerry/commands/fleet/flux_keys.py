"""What Flux holds in the cluster for us: the claim to its folder, the age key, the way into the repository."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

from skerry.fleet import bootstrap
from skerry.local import tools
from skerry.model.flux_target import Target
from skerry.remote.kubernetes import Cluster


def place_key(cluster: Cluster, wanted: Target, private: str) -> bool:
    """Put namespace and sops-age in place before Flux needs them. Returns whether anything changed."""
    changed = False
    if claimed(cluster) != claim(wanted):
        cluster.apply(bootstrap.namespace(claim(wanted)))
        changed = True
    if _secret(cluster, "sops-age").get("age.agekey") != private.encode():
        cluster.apply(bootstrap.sops_age_manifest(private))
        changed = True
    return changed


def claim(wanted: Target) -> str:
    """What a cluster's namespace says of its folder, so that a bootstrap that was cut off knows its own."""
    return " ".join(wanted.location)


def claimed(cluster: Cluster) -> str:
    metadata = cluster.get("namespace", "flux-system").get("metadata", {})
    return str((metadata.get("annotations") or {}).get(bootstrap.CLAIM, ""))


def has_key(cluster: Cluster, wanted: Target) -> bool:
    """Whether Flux has a key to the repository; for plain Git the one that the settings name."""
    data = _secret(cluster, "flux-system")
    if wanted.token_name:
        return bool(data)
    return data.get("identity") == bootstrap.key_file(wanted).read_bytes()


def drop_deploy_key(cluster: Cluster) -> None:
    """Flux keeps a deploy key that is there; only without it does a bootstrap make a new one."""
    cluster.kubectl("delete", "secret", "flux-system", "-n", "flux-system", "--ignore-not-found")


def _secret(cluster: Cluster, name: str) -> dict[str, bytes]:
    """The content of a Secret of Flux's namespace; empty when there is none."""
    data = cluster.get("secret", name, "-n", "flux-system").get("data", {})
    return {key: base64.b64decode(value) for key, value in data.items()}


def pin_host_key(cluster: Cluster, wanted: Target) -> bool:
    """Let Flux trust the Git server's keys that are on record here. Returns whether that changed anything.

    Flux asks the server for one key when it is bootstrapped, and believes what it is shown: with OpenSSH an ECDSA key,
    where most records here have an Ed25519 one, so that the two can seldom be compared. Raises RuntimeError when they
    can, and differ. Nothing is done where no record of the server is kept, as for a forge that is reached by HTTPS.
    """
    recorded = _secret(cluster, "flux-system").get("known_hosts", b"").decode()
    files = [
        Path("~/.ssh/known_hosts").expanduser(),
        *([Path(wanted.known_hosts)] if wanted.known_hosts else []),
    ]
    known = "".join(_on_record(file, wanted) for file in files if file.is_file())
    if strange := bootstrap.strange_keys(recorded, known):
        raise RuntimeError(
            f"Flux was shown a host key of {wanted.host} that is not the one on record here ({strange}); somebody may "
            "sit between the cluster and its repository: find out, then run `invoke rotate-deploy-key`"
        )
    if not recorded or not (pinned := bootstrap.pinned_keys(recorded, known, wanted.ssh_name)):
        return False
    cluster.apply(bootstrap.known_hosts_manifest(pinned))
    return True


def _on_record(file: Path, wanted: Target) -> str:
    """The file's lines for the Git server; ssh-keygen finds hashed names, too."""
    command = [tools.find("ssh-keygen"), "-F", wanted.ssh_name, "-f", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
