"""K3s: install the pinned version, configure and start it, and compare the node with its reservations."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import deploy

from skerry.model.k3s.snapshots import CREDENTIALS
from skerry.operations.files import remove, write_all
from skerry.phases.k3s.artifacts import install_artifact
from skerry.phases.k3s.compare import compare_allocatable
from skerry.phases.k3s.files import create_tokens, follow_profile, link_version, restore_datastore
from skerry.phases.k3s.node import k3s_fact, node_of
from skerry.phases.k3s.rollout import roll_out


@deploy("K3s")
def k3s() -> None:
    """Run the pinned K3s with the configuration that the settings ask for, until its node is Ready.

    K3s is restarted only if the running process was started with another version or configuration: the servers one at
    a time, then the agents.
    """
    node, fact = node_of(host.name), k3s_fact(host.name)
    for filename in node.sources:
        install_artifact(node, filename)
    if node.server_url is None:
        create_tokens(name="Create the cluster's tokens", fact=fact)
    follow_profile(name="Follow the profile", node=node, fact=fact)
    write_all(name="Write configuration", files=node.files, fact=fact)
    if not node.credentials:
        remove(name="Remove S3's credentials", path=CREDENTIALS, fact=fact)
    link_version(name="Link the version", node=node, fact=fact)
    restore_datastore(name="Restore the datastore", node=node, fact=fact)
    roll_out(node, fact)
    compare_allocatable(name="Compare allocatable with the reservations", node=node, fact=fact)
