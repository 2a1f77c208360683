"""The hand-off: everything that breaks a bootstrap is checked before the first push, then Flux takes over."""

from __future__ import annotations

import getpass
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from skerry.commands.fleet.fleet_remote import check_repository, clone, head
from skerry.commands.fleet.flux_keys import claim, claimed, drop_deploy_key, has_key, pin_host_key, place_key
from skerry.commands.fleet.flux_wait import wait
from skerry.fleet import bootstrap, conditions, forges
from skerry.local import tools
from skerry.local.cluster_lock import cluster_lock
from skerry.model.errors import InputError
from skerry.model.flux import check_versions, followed_location, installed_version
from skerry.model.flux_target import TOKENS, Target
from skerry.remote.inventory import Inventory
from skerry.remote.kubernetes import Cluster, last_line, reach, tunnel

Say = Callable[[str], None]


@dataclass(frozen=True)
class Handoff:
    """How it went: whether anything changed, the commit that Flux follows, and what it made of it."""

    changed: bool
    commit: str
    states: list[conditions.State]


def ready(inventory: Inventory) -> str:
    """The forge's token, "" where SSH needs none. Raises InputError when that or a tool is missing."""
    wanted = Target.from_settings(inventory.first_server.settings, inventory.first_server.known_hosts)
    for name in ("flux", "git", "sops", "age-keygen"):
        tools.find(name)
    return read_token(wanted)


def hand_over(
    inventory: Inventory, adopt: bool = False, again: bool = False, token: str | None = None, say: Say = print
) -> Handoff:
    """`follow`, while nobody else changes the cluster."""
    with cluster_lock(inventory.path):
        return follow(inventory, adopt, again, token, say)


def follow(
    inventory: Inventory, adopt: bool = False, again: bool = False, token: str | None = None, say: Say = print
) -> Handoff:
    """Make the cluster follow its repository, and wait until it does.

    `adopt` takes over a folder that Flux of another (or a rebuilt) cluster has used; `again` bootstraps even when
    nothing calls for it; `token` is what `ready` gave, else that is asked now. Raises InputError, with nothing
    pushed and nothing created, for whatever preflight finds; RuntimeError when Flux fails, or does not become
    Ready in time.
    """
    wanted = Target.from_settings(inventory.first_server.settings, inventory.first_server.known_hosts)
    token = ready(inventory) if token is None else token
    flux = tools.find("flux")
    with reach(inventory) as cluster, tunnel(cluster, inventory.name) as kubeconfig:
        say("Preflight: cluster, versions, token, repository, keys")
        version = _check_cluster(cluster, flux, kubeconfig, inventory.name)
        if wanted.token_name:
            forges.check(wanted, forges.client(wanted, token))
        with clone(wanted, token) as copy:
            private = check_repository(copy, wanted)
            follows = _check_place(cluster, wanted, copy, adopt)
        changed = place_key(cluster, wanted, private)
        current = follows == version and has_key(cluster, wanted)
        deadline = time.monotonic() + wanted.timeout_seconds
        if again or not current:
            say(f"Bootstrap: {wanted.path} of {wanted.repository}")
            if again:
                drop_deploy_key(cluster)
            command = bootstrap.command(flux, wanted, str(kubeconfig), inventory.name)
            if _bootstrap(command, wanted, token, say):  # else its own wait was in vain: the deadline stands
                deadline = time.monotonic() + wanted.timeout_seconds
            changed = True
        changed |= pin_host_key(cluster, wanted)
        commit = head(wanted, token)
        return Handoff(changed, commit, wait(cluster, commit, deadline, say))


def read_token(wanted: Target) -> str:
    """The forge's token from its variable, or from a person. Raises InputError when there is neither."""
    if not wanted.token_name:
        if not bootstrap.key_file(wanted).is_file():
            raise InputError(
                f"flux_private_key: there is no file {wanted.private_key}; make it with ssh-keygen"
            )
        return ""
    if token := os.environ.get(wanted.token_name, "").strip():
        return token
    if sys.stdin.isatty():
        token = getpass.getpass(f"{wanted.token_name} for {wanted.host}: ").strip()
    if not token:
        raise InputError(f"{wanted.token_name} is not set; export it, or run this at a terminal to be asked")
    return token


def _check_cluster(cluster: Cluster, flux: str, kubeconfig: Path, context: str) -> str:
    """Flux's version. Raises InputError for a wrong context, an API out of reach, or versions that do not fit."""
    server = json.loads(cluster.kubectl("version", "-o", "json"))["serverVersion"]
    kubernetes = (int(server["major"]), int(re.sub(r"\D.*", "", server["minor"])))
    wanted = cluster.host.settings.k3s_version
    if server["gitVersion"] != wanted:
        raise InputError(
            f"{cluster.host.name}: runs {server['gitVersion']}, the inventory says {wanted}; run `invoke up`"
        )
    client = client_version(flux)
    check_versions(client, kubernetes)
    try:
        _flux([flux, "check", "--pre", f"--kubeconfig={kubeconfig}", f"--context={context}"])
    except RuntimeError as error:
        raise InputError(
            f"{cluster.host.name}: the API server is not fit through the tunnel: {error}"
        ) from None
    return client


def client_version(flux: str) -> str:
    """Of the command line at hand: "2.9.4"."""
    client = json.loads(_flux([flux, "version", "--client", "-o", "json"]))["flux"]
    return str(client).removeprefix("v")


def _flux(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise RuntimeError(f"flux {command[1]}: {last_line(done.stderr)}")
    return done.stdout


def _check_place(cluster: Cluster, wanted: Target, copy: Path, adopt: bool) -> str:
    """The version of the Flux that follows this place, "" for none. Raises InputError if it follows another."""
    objects = {(each["kind"], each["metadata"]["name"]): each for each in cluster.flux_objects()}
    source, root = (objects.get((kind, "flux-system")) for kind in ("GitRepository", "Kustomization"))
    if not source or not root:
        used = (copy / wanted.path / "flux-system" / "gotk-sync.yaml").is_file()
        if used and not adopt and claimed(cluster) != claim(wanted):
            raise InputError(
                f"{wanted.path} is followed by another cluster, or by this one before it was made anew; "
                "give this cluster its own folder, or say --adopt"
            )
        return ""
    repository, branch, path = found = followed_location(source, root)
    if found != wanted.location:
        raise InputError(
            f"the cluster follows {path} on {branch} of {repository} already; "
            "correct the flux_ settings, or run `invoke flux-uninstall` first"
        )
    return installed_version(cluster.get("namespace", "flux-system"))


def _bootstrap(command: list[str], wanted: Target, token: str, say: Say) -> bool:
    """Whether Flux saw its components, source and Kustomization become Ready, too. Raises RuntimeError else."""
    environment = {name: value for name, value in os.environ.items() if name not in TOKENS.values()}
    if wanted.token_name:
        environment[wanted.token_name] = token
    last = ""
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = bootstrap.redact(line.strip(), [token]) or last
            say(f"  {last}")
    if process.returncode and "health check failure" not in last:
        protected = re.search("protected branch|pre-receive hook declined|GH006", last)
        remedy = "let its owner push to that branch" if protected else conditions.remedy(last)
        raise RuntimeError(f"flux bootstrap failed: {last}; {remedy}. Run it again to go on")
    return not process.returncode
