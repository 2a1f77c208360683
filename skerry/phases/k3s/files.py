"""Operations for what K3s needs besides artifacts and configuration: tokens, folders, links, a restored datastore."""

from __future__ import annotations

import shlex
from pathlib import Path

from pyinfra import host
from pyinfra.api import StringCommand

from skerry import templates
from skerry.facts.batch import BatchedFact
from skerry.facts.k3s import K3sState
from skerry.model.files import TEMPORARY
from skerry.model.hardening import k3s_cis
from skerry.model.k3s.node import Node
from skerry.model.k3s.paths import AGENT_TOKEN, FULL_TOKEN, KUBECTL, SERVER, TOKEN
from skerry.operations import Commands, operation

RANDOM = "od -An -N 32 -t x1 /dev/urandom | tr -d ' \\n' && echo"
# An existing datastore accepts only the password with which it was created.
EXISTING_OR_RANDOM = f"if [ -s {FULL_TOKEN} ]; then sed 's/.*::server://' {FULL_TOKEN}; else {RANDOM}; fi"


@operation
def create_tokens(fact: BatchedFact[K3sState]) -> Commands:
    """Create the passwords with which servers and agents join. Called on the first server only; others copy them."""
    for name, path, print_token in (
        ("server", TOKEN, EXISTING_OR_RANDOM),
        ("agent", AGENT_TOKEN, RANDOM),
    ):
        if name not in fact.at_start().tokens:
            temporary = path + TEMPORARY
            yield StringCommand(
                f"umask 077 && mkdir -p {Path(path).parent} && {{ {print_token}; }} > {temporary} && "
                f"sync {temporary} && mv -f {temporary} {path}"
            )


@operation
def follow_profile(node: Node, fact: BatchedFact[K3sState]) -> Commands:
    """Create K3s's directories with mode 700, before K3s does; delete policies and drop-in of a former k3s_profile."""
    found, wanted = fact.at_start().files, {file.path for file in node.files}
    missing = [path for path in wanted if path.startswith(SERVER) and path not in found]
    obsolete = k3s_cis.POLICIES in found and k3s_cis.POLICIES not in wanted
    if missing:
        yield StringCommand(f"install -d -m 700 /var/lib/rancher/k3s {' '.join(k3s_cis.FOLDERS)}")
    if obsolete:
        yield StringCommand(
            f"{KUBECTL} delete --ignore-not-found -f {k3s_cis.POLICIES} && rm -f {k3s_cis.POLICIES} "
            "/etc/systemd/system/k3s.service.d/skerry-cis.conf"
        )
    if not (missing or obsolete):
        host.noop("nothing of another profile is left")


@operation
def link_version(node: Node, fact: BatchedFact[K3sState]) -> Commands:
    """Link /usr/local/bin/k3s to the version, and kubectl, crictl and ctr to k3s unless they are in PATH already."""
    state = fact.at_start()
    links = {"k3s": node.binary}
    links |= {name: "k3s" for name in ("kubectl", "crictl", "ctr") if name not in state.elsewhere}
    for name, target in links.items():
        if state.links.get(name) != target:
            temporary = f"/usr/local/bin/.{name}{TEMPORARY}"
            yield StringCommand(f"ln -sfn {target} {temporary} && mv -fT {temporary} /usr/local/bin/{name}")


@operation
def restore_datastore(node: Node, fact: BatchedFact[K3sState]) -> Commands:
    """Restore, before K3s starts, the datastore that `invoke restore` has left on the first server."""
    if node.server_url is not None or not fact.at_start().restore:
        host.noop("there is nothing to restore")
        return
    arguments = [node.settings.k3s_datastore, str(node.settings.k3s_ready_timeout_seconds)]
    yield StringCommand(f"set -- {shlex.join(arguments)}\n{templates.text('k3s/restore.sh')}")
