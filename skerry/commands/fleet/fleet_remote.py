"""The fleet repository where it is pushed: reachable, writable, and fit to be followed."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skerry.fleet import bootstrap, keys, record, sops
from skerry.fleet.lint.run import lint
from skerry.fleet.secrets import encrypted_files
from skerry.model.errors import InputError
from skerry.model.flux_target import Target

GIT_SECONDS = 120


@contextmanager
def clone(wanted: Target, token: str) -> Iterator[Path]:
    """The branch's newest commit. Raises InputError for a remote, branch or right that is missing."""
    environment = {**os.environ, **bootstrap.git_environment(wanted, token)}
    where = f"{wanted.branch} of {wanted.repository}"
    if _git(environment, token, "ls-remote", "--exit-code", wanted.remote, f"refs/heads/{wanted.branch}") == (
        2,
        "",
    ):
        raise InputError(f"there is no branch {where}; push the fleet repository first, or see flux_branch")
    with tempfile.TemporaryDirectory(prefix="skerry-") as folder:
        copy = Path(folder, "fleet")
        depth = ("clone", "--quiet", "--depth=1", f"--branch={wanted.branch}", wanted.remote, str(copy))
        _git(environment, token, *depth)
        probe = (
            "-C",
            str(copy),
            "push",
            "--quiet",
            "--dry-run",
            "origin",
            f"HEAD:refs/heads/{wanted.branch}",
        )
        _git(environment, token, *probe, refusal=f"may not push to {where}; grant write access")
        yield copy


def _git(environment: dict[str, str], token: str, *arguments: str, refusal: str = "") -> tuple[int, str]:
    """Exit code 0 with the output, or 2 (no such branch). Raises InputError for all else."""
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
    if done.returncode in (0, 2):
        return done.returncode, done.stdout
    lines = [
        line for line in done.stderr.splitlines() if line.strip() and not line.startswith("Please make sure")
    ]
    why = next(
        (line for line in lines if not line.startswith(("fatal: Could not read", "and the repository"))),
        "no output",
    )
    remedy = refusal or "see flux_repository and its access"
    raise InputError(f"the Git remote: {bootstrap.redact(why.removeprefix('fatal: '), [token])}; {remedy}")


def check_repository(copy: Path, wanted: Target) -> str:
    """The private key of this cluster. Raises InputError unless the pushed commit is fit to be followed."""
    if not (copy / wanted.path).is_dir():
        raise InputError(
            f"{wanted.path} is not on branch {wanted.branch}; add it with `invoke fleet-add-cluster` and push"
        )
    entries = record.load(copy)
    report = lint(copy)
    errors = [finding for finding in report.findings if finding.level == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InputError(f"branch {wanted.branch}: {errors[0]}{more}; see `invoke fleet-lint`")
    private = keys.read(keys.path(copy, entries, wanted.cluster))
    mine = set(sops.public_keys(private))
    if not mine & set(keys.recipients_for(keys.load_config(copy), f"{wanted.path}/x.sops.yaml")):
        raise InputError(
            f"the key of {wanted.cluster} is not in {keys.CONFIG} on branch {wanted.branch}; push that first"
        )
    for source in encrypted_files(copy):
        if _is_for(source.path, wanted.cluster, entries):
            sops.decrypt(copy, copy / source.path, private)
    return private


def _is_for(path: str, cluster: str, entries: record.Record) -> bool:
    """Whether a cluster reads a file: its own and the shared ones, not those of other clusters."""
    parts = Path(path).parts
    return not (len(parts) > 1 and parts[1] in entries.clusters and parts[1] != cluster)


def head(wanted: Target, token: str) -> str:
    """The commit the branch is at."""
    environment = {**os.environ, **bootstrap.git_environment(wanted, token)}
    return _git(environment, token, "ls-remote", wanted.remote, f"refs/heads/{wanted.branch}")[1].split()[0]
