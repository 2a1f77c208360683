"""Hand a cluster over to Flux: check everything before the first push, bootstrap, wait until it follows.

A deploy runs this as a process, `python -m skerry.commands.fleet.handoff [--prompt]`, with its inventory as JSON on
standard input (`inventory_data` in skerry/phases/flux.py).
"""

from __future__ import annotations

import getpass
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from skerry.commands.fleet.fleet_remote import check_repository, clone, head
from skerry.commands.fleet.flux_keys import drop_deploy_key, has_key, install_key, pin_host_key
from skerry.commands.fleet.flux_wait import wait
from skerry.commands.fleet.preflight import check_cluster, check_location
from skerry.commands.inventory import from_data
from skerry.fleet import bootstrap, conditions, forges
from skerry.local import tools
from skerry.local.cluster_lock import cluster_lock
from skerry.local.console import report
from skerry.local.exit_codes import DONE, FAILED
from skerry.model.errors import InputError
from skerry.model.flux_target import TOKENS, Target
from skerry.remote.inventory import Inventory
from skerry.remote.kubernetes import reach, tunnel

Log = Callable[[str], None]


@dataclass(frozen=True)
class Handoff:
    """The result: whether anything changed, the commit that Flux follows, and the states of its objects."""

    changed: bool
    commit: str
    states: list[conditions.ObjectState]


def check_prerequisites(inventory: Inventory) -> str:
    """Find the programs, and read the forge's token, "" for plain Git. Raises InputError if one is missing."""
    target = Target.from_settings(inventory.first_server.settings, inventory.first_server.known_hosts)
    for name in ("flux", "git", "sops", "age-keygen"):
        tools.find(name)
    return read_token(target)


def hand_over(
    inventory: Inventory, adopt: bool = False, again: bool = False, token: str | None = None, log: Log = print
) -> Handoff:
    """Call `follow` while holding the cluster's lock."""
    with cluster_lock(inventory.path):
        return follow(inventory, adopt, again, token, log)


def follow(
    inventory: Inventory, adopt: bool = False, again: bool = False, token: str | None = None, log: Log = print
) -> Handoff:
    """Make the cluster follow its repository, and wait until it does.

    `adopt`: take over a folder that another cluster, or this one before it was rebuilt, has followed. `again`:
    bootstrap with a new deploy key even if the cluster follows already. `token`: what `check_prerequisites` returned;
    None calls it. Raises InputError, before anything is pushed or created, if a check fails; RuntimeError if Flux fails
    or does not become Ready in time.
    """
    target = Target.from_settings(inventory.first_server.settings, inventory.first_server.known_hosts)
    token = check_prerequisites(inventory) if token is None else token
    flux = tools.find("flux")
    with reach(inventory) as cluster, tunnel(cluster, inventory.name) as kubeconfig:
        log("Preflight: cluster, versions, token, repository, keys")
        version = check_cluster(cluster, flux, kubeconfig, inventory.name)
        if target.token_name:
            forges.check(target, forges.client(target, token))
        with clone(target, token) as copy:
            private = check_repository(copy, target)
            installed = check_location(cluster, target, copy, adopt)
        changed = install_key(cluster, target, private)
        deadline = time.monotonic() + target.timeout_seconds
        if again or installed != version or not has_key(cluster, target):
            log(f"Bootstrap: {target.path} of {target.repository}")
            if again:
                drop_deploy_key(cluster)
            command = bootstrap.command(flux, target, str(kubeconfig), inventory.name)
            if _bootstrap(command, target, token, log):
                # The deadline is not extended if flux itself has waited in vain.
                deadline = time.monotonic() + target.timeout_seconds
            changed = True
        changed |= pin_host_key(cluster, target)
        commit = head(target, token)
        return Handoff(changed, commit, wait(cluster, commit, deadline, log))


def read_token(target: Target) -> str:
    """Read the forge's token from its environment variable, else at a prompt; "" for plain Git.

    Raises InputError if there is neither, or if plain Git's key file is missing.
    """
    if not target.token_name:
        if not bootstrap.key_file(target).is_file():
            raise InputError(
                f"flux_private_key: there is no file {target.private_key}; make it with ssh-keygen"
            )
        return ""
    if token := os.environ.get(target.token_name, "").strip():
        return token
    if sys.stdin.isatty():
        token = getpass.getpass(f"{target.token_name} for {target.host}: ").strip()
    if not token:
        raise InputError(
            f"{target.token_name} is not set; export it, or run this at a terminal to be prompted"
        )
    return token


def _bootstrap(command: list[str], target: Target, token: str, log: Log) -> bool:
    """Run the bootstrap. Returns False if only flux's health check failed. Raises RuntimeError for other failures."""
    environment = {name: value for name, value in os.environ.items() if name not in TOKENS.values()}
    if target.token_name:
        environment[target.token_name] = token
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
            log(f"  {last}")
    if process.returncode and "health check failure" not in last:
        protected = re.search("protected branch|pre-receive hook declined|GH006", last)
        remedy = "let its owner push to that branch" if protected else conditions.remedy(last)
        raise RuntimeError(f"flux bootstrap failed: {last}; {remedy}. Run it again to continue")
    return not process.returncode


def main() -> int:
    """Hand over the cluster on standard input. Returns the exit code.

    The deploy that starts this process holds the cluster's lock. `--prompt`: the deploy's user is at a terminal.
    """
    data = json.load(sys.stdin)
    inventory = from_data(data["name"], Path(), data)
    if "--prompt" in sys.argv:
        # Standard input has been read, and the prompt for the token needs a terminal.
        with suppress(OSError):
            os.dup2(os.open("/dev/tty", os.O_RDONLY), sys.stdin.fileno())
    try:
        follow(inventory, log=lambda line: report(f"    {line}"))
    except (InputError, RuntimeError) as error:
        report(f"{inventory.first_server.name}: {error}")
        return FAILED
    return DONE


if __name__ == "__main__":
    sys.exit(main())
