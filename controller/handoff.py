"""The hand-off: everything that breaks a bootstrap is checked before the first push, then Flux takes over."""

from __future__ import annotations

import base64
import getpass
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from rich.console import Console

from cluster.errors import InputError
from cluster.flux import check_versions
from cluster.settings import Settings
from controller.fleet_remote import check_repository, clone, head
from controller.inventory import Inventory
from controller.journal import lock
from controller.kubernetes import FLUX_KINDS, Cluster, last_line, reach, tunnel
from fleet import bootstrap, conditions, forges, tools
from fleet.bootstrap import Target

POLL_SECONDS = 2.0
RECONCILED = {"GitRepository": FLUX_KINDS[0], "Kustomization": FLUX_KINDS[1]}
Say = Callable[[str], None]


@dataclass(frozen=True)
class Handoff:
    """How it went: whether anything changed, the commit that Flux follows, and what it made of it."""

    changed: bool
    commit: str
    states: list[conditions.State]


def target(settings: Settings, known_hosts: Path) -> Target:
    """What the settings ask for. Raises InputError when they ask for no hand-off."""
    if settings.flux_forge == "none":
        raise InputError(
            'flux_forge is "none"; set it, flux_repository and flux_path in the inventory\'s group_data'
        )
    return Target(
        settings.flux_forge,
        settings.flux_repository,
        settings.flux_hostname,
        settings.flux_branch,
        settings.flux_path,
        str(Path(settings.flux_private_key).expanduser()) if settings.flux_private_key else "",
        settings.flux_personal,
        settings.flux_network_policy,
        settings.flux_timeout_seconds,
        str(known_hosts),
    )


def ready(inventory: Inventory) -> str:
    """The forge's token, "" where SSH needs none. Raises InputError when that or a tool is missing."""
    wanted = target(inventory.first_server.settings, inventory.first_server.known_hosts)
    for name in ("flux", "git", "sops", "age-keygen"):
        tools.find(name)
    return read_token(wanted)


def hand_over(
    inventory: Inventory, adopt: bool = False, again: bool = False, token: str | None = None, say: Say = print
) -> Handoff:
    """`follow`, while nobody else changes the cluster."""
    with lock(inventory.path):
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
    wanted = target(inventory.first_server.settings, inventory.first_server.known_hosts)
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
        changed = _place_key(cluster, wanted, private)
        current = follows == version and _has_key(cluster, wanted)
        deadline = time.monotonic() + wanted.timeout_seconds
        if again or not current:
            say(f"Bootstrap: {wanted.path} of {wanted.repository}")
            _drop_deploy_key(cluster, again)
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
        if not Path(wanted.private_key).is_file():
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
        if used and not adopt and _claimed(cluster) != claim(wanted):
            raise InputError(
                f"{wanted.path} is followed by another cluster, or by this one before it was made anew; "
                "give this cluster its own folder, or say --adopt"
            )
        return ""
    repository, branch, path = found = bootstrap.followed(source, root)
    if found != wanted.where:
        raise InputError(
            f"the cluster follows {path} on {branch} of {repository} already; "
            "correct the flux_ settings, or run `invoke flux-uninstall` first"
        )
    labels = cluster.get("namespace", "flux-system").get("metadata", {}).get("labels", {})
    return str(labels.get("app.kubernetes.io/version", "")).removeprefix("v")


def _place_key(cluster: Cluster, wanted: Target, private: str) -> bool:
    """Put namespace and sops-age in place before Flux needs them. Returns whether anything changed."""
    changed = False
    if _claimed(cluster) != claim(wanted):
        cluster.apply(bootstrap.namespace(claim(wanted)))
        changed = True
    data = cluster.get("secret", "sops-age", "-n", "flux-system").get("data", {})
    if data.get("age.agekey") != base64.b64encode(private.encode()).decode():
        cluster.apply(bootstrap.sops_age_manifest(private))
        changed = True
    return changed


def claim(wanted: Target) -> str:
    """What a cluster's namespace says of its folder, so that a bootstrap that was cut off knows its own."""
    return " ".join(wanted.where)


def _claimed(cluster: Cluster) -> str:
    metadata = cluster.get("namespace", "flux-system").get("metadata", {})
    return str((metadata.get("annotations") or {}).get(bootstrap.CLAIM, ""))


def _has_key(cluster: Cluster, wanted: Target) -> bool:
    """Whether Flux has a key to the repository; for plain Git the one that the settings name."""
    data = cluster.get("secret", "flux-system", "-n", "flux-system").get("data", {})
    if wanted.token_name:
        return bool(data)
    return bool(data.get("identity") == base64.b64encode(Path(wanted.private_key).read_bytes()).decode())


def _drop_deploy_key(cluster: Cluster, again: bool) -> None:
    """Flux keeps a deploy key that is there; only without it does a bootstrap make a new one."""
    if again:
        cluster.kubectl("delete", "secret", "flux-system", "-n", "flux-system", "--ignore-not-found")


def _bootstrap(command: list[str], wanted: Target, token: str, say: Say) -> bool:
    """Whether Flux saw its components, source and Kustomization become Ready, too. Raises RuntimeError else."""
    environment = {name: value for name, value in os.environ.items() if name not in bootstrap.TOKENS.values()}
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


def pin_host_key(cluster: Cluster, wanted: Target) -> bool:
    """Let Flux trust the Git server's keys that are on record here. Returns whether that changed anything.

    Flux asks the server for one key when it is bootstrapped, and believes what it is shown: with OpenSSH an ECDSA key,
    where most records here have an Ed25519 one, so that the two can seldom be compared. Raises RuntimeError when they
    can, and differ. Nothing is done where no record of the server is kept, as for a forge that is reached by HTTPS.
    """
    secret = cluster.get("secret", "flux-system", "-n", "flux-system").get("data", {})
    recorded = base64.b64decode(secret.get("known_hosts", "")).decode()
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


def wait(cluster: Cluster, commit: str, deadline: float, say: Say) -> list[conditions.State]:
    """Wait until all is Ready at the commit. Raises RuntimeError with each condition in plain words.

    `deadline` is a time of the monotonic clock. Nothing that is suspended becomes Ready, so that nobody waits for it.
    """
    states = conditions.read(cluster.flux_objects())
    _hurry(cluster, conditions.not_following(states, commit))
    with Console(stderr=True).status("") as status:
        while (lagging := list(conditions.not_following(states, commit))) or not states:
            names = ", ".join(f"{each.kind} {each.name}" for each in lagging) or "Flux's first objects"
            status.update(f"Waiting for {names}")
            if time.monotonic() > deadline or any(each.suspended for each in lagging):
                why = _why(cluster, lagging, commit)
                raise RuntimeError("\n".join([*why, "not Ready in time; mend it, push, and run it again"]))
            time.sleep(POLL_SECONDS)
            states = conditions.read(cluster.flux_objects())
    say(f"Ready: {len(states)} objects at {commit[:12]}")
    return states


def _hurry(cluster: Cluster, lagging: Iterable[conditions.State]) -> None:
    """Have Flux look at once rather than at its next interval: by the annotation that `flux reconcile` sets."""
    now = f"reconcile.fluxcd.io/requestedAt={datetime.now(timezone.utc).isoformat()}"
    for each in lagging:
        if each.kind in RECONCILED and not each.suspended:
            place = (RECONCILED[each.kind], each.name, "-n", each.namespace)
            cluster.kubectl("annotate", "--overwrite", *place, now)


def _why(cluster: Cluster, lagging: list[conditions.State], commit: str) -> list[str]:
    """A line for each controller that does not run, and each object that does not follow."""
    workloads = cluster.get("deployments,pods", "-n", "flux-system").get("items", [])
    told = [(each, each.problem or f"is behind {commit[:12]}") for each in lagging]
    return [
        *conditions.controllers(workloads),
        *(f"{each.kind} {each.namespace}/{each.name}: {why}" for each, why in told),
    ]
