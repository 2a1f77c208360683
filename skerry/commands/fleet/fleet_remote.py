"""Check that the fleet repository's remote can be reached and pushed to, and that a cluster can follow it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skerry.fleet import bootstrap, keys, metadata, sops, sops_config
from skerry.fleet.lint.run import lint
from skerry.fleet.metadata import FleetMetadata
from skerry.fleet.secrets import encrypted_files
from skerry.model.errors import InputError
from skerry.model.flux_target import Target

GIT_SECONDS = 120
# `git ls-remote --exit-code`: the remote has no such branch.
NO_BRANCH = 2


@contextmanager
def clone(target: Target, token: str) -> Iterator[Path]:
    """Yield a temporary clone of the branch. Raises InputError if the remote, the branch or push access is missing."""
    environment = {**os.environ, **bootstrap.git_environment(target, token)}
    ref, name = f"refs/heads/{target.branch}", f"{target.branch} of {target.repository}"
    code, _ = _git(environment, token, "ls-remote", "--exit-code", target.remote, ref)
    if code == NO_BRANCH:
        raise InputError(f"there is no branch {name}; push the fleet repository first, or see flux_branch")
    with tempfile.TemporaryDirectory(prefix="skerry-") as folder:
        copy = Path(folder, "fleet")
        options = ("--quiet", "--depth=1", f"--branch={target.branch}")
        _git(environment, token, "clone", *options, target.remote, str(copy))
        push = ("-C", str(copy), "push", "--quiet", "--dry-run", "origin", f"HEAD:{ref}")
        _git(environment, token, *push, refusal=f"may not push to {name}; grant write access")
        yield copy


def _git(environment: dict[str, str], token: str, *arguments: str, refusal: str = "") -> tuple[int, str]:
    """Run git. Returns its exit code, 0 or NO_BRANCH, and its output. Raises InputError for other codes."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            f"the Git remote does not answer within {GIT_SECONDS} s; see flux_repository"
        ) from None
    if done.returncode in (0, NO_BRANCH):
        return done.returncode, done.stdout
    advice = ("Please make sure", "fatal: Could not read", "and the repository")
    lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith(advice)]
    cause = bootstrap.redact((lines or ["no output"])[0].removeprefix("fatal: "), [token])
    raise InputError(f"the Git remote: {cause}; {refusal or 'see flux_repository and its access'}")


def check_repository(copy: Path, target: Target) -> str:
    """Check that the cluster could follow the pushed commit. Returns its private key. Raises InputError."""
    if not (copy / target.path).is_dir():
        raise InputError(
            f"{target.path} is not on branch {target.branch}; add it with `invoke fleet-add-cluster` and push"
        )
    fleet = metadata.load(copy)
    errors = [finding for finding in lint(copy).findings if finding.level == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InputError(f"branch {target.branch}: {errors[0]}{more}; see `invoke fleet-lint`")
    private = keys.read(keys.path(copy, fleet, target.cluster))
    recipients = sops_config.recipients_for(sops_config.load(copy), f"{target.path}/x.sops.yaml")
    if not set(sops.public_keys(private)) & set(recipients):
        raise InputError(
            f"the key of {target.cluster} is not in {sops_config.FILE} on branch {target.branch}; push that first"
        )
    for file in encrypted_files(copy):
        if _is_read_by(target.cluster, file.path, fleet):
            sops.decrypt(copy, copy / file.path, private)
    return private


def _is_read_by(cluster: str, path: str, fleet: FleetMetadata) -> bool:
    """Whether a cluster reads a file: every file except those in the folders of other clusters."""
    parts = Path(path).parts
    return not (len(parts) > 1 and parts[1] in fleet.clusters and parts[1] != cluster)


def head(target: Target, token: str) -> str:
    """The newest commit of the branch."""
    environment = {**os.environ, **bootstrap.git_environment(target, token)}
    return _git(environment, token, "ls-remote", target.remote, f"refs/heads/{target.branch}")[1].split()[0]
