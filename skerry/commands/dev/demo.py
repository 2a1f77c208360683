"""`make try`: boot a lab host, run all phases and the acceptance checks, and print a table of stages."""

from __future__ import annotations

from skerry import lab
from skerry.commands.hosts.up import deploy, verify_stage
from skerry.commands.hosts.verify import EXTENTS
from skerry.commands.inventory import load
from skerry.commands.stages import Stage, finish, timed
from skerry.local.artifacts import checksum
from skerry.local.exit_codes import DONE, FAILED
from skerry.local.http_client import Unreachable
from skerry.model.artifacts import k3s_artifacts

INVENTORY = "inventories/lab.py"
ALL_PHASES = ("deploy/k3s.py",)
WITHOUT_K3S = ("deploy/prepare.py", "deploy/harden.py", "deploy/disk.py")


def show(backend: str, as_json: bool) -> int:
    """Run the demo, and print the stages. Returns the exit code."""
    stages = demo(backend)
    if any(stage.result == "failed" for stage in stages):
        return finish(FAILED, stages, "invoke lab-ssh lab-1", as_json)
    return finish(DONE, stages, "README.md, Your own hosts", as_json)


def demo(backend: str) -> list[Stage]:
    """Deploy to a lab host and verify it. Returns the stages; a failed one is the last. Without internet, skips K3s."""
    stages = [timed("Lab host", lambda: _boot(backend))]
    if stages[-1].result == "failed":
        return stages
    find_k3s = timed("Find K3s", _find_k3s)
    stages.append(find_k3s)
    if find_k3s.result == "failed":
        return stages
    if find_k3s.result == "skipped":
        # These phases download nothing; with "push" preflight does not look for the artifacts' source.
        succeeded, stages = _deploy(WITHOUT_K3S, {"artifact_delivery": "push"}, stages)
        stages.append(Stage("K3s", "skipped", "see Find K3s"))
        extent = "host"
    else:
        succeeded, stages = _deploy(ALL_PHASES, {}, stages)
        extent = "k3s"
    return (
        [*stages, timed("Verify", lambda: verify_stage(load(INVENTORY), EXTENTS[extent]))]
        if succeeded
        else stages
    )


def _deploy(
    scripts: tuple[str, ...], data: dict[str, object], stages: list[Stage]
) -> tuple[bool, list[Stage]]:
    """Run the scripts until one fails. Returns whether all succeeded, and `stages` with theirs, without repetitions."""
    for script in scripts:
        code, deployed = deploy(INVENTORY, script, data)
        known = {stage.name for stage in stages if stage.result != "failed"}
        stages = [
            *stages,
            *(stage for stage in deployed if stage.name not in known or stage.result == "failed"),
        ]
        if code != 0:
            if all(stage.result != "failed" for stage in stages):
                stages.append(Stage("Deploy", "failed", "see above"))
            return False, stages
    return True, stages


def _boot(backend: str) -> Stage:
    running = {host.name for host in lab.hosts() if host.state == "running"}
    [host] = lab.up(1, backend)
    address = f"{host.name} at {host.address} port {host.port} ({host.backend})"
    return Stage("Lab host", "unchanged" if host.name in running else "done", address)


def _find_k3s() -> Stage:
    """Returns a stage: "done" if K3s's checksum is locked or can be downloaded, else "skipped" with the remedy."""
    settings = load(INVENTORY).first_server.settings
    artifact = k3s_artifacts(settings.k3s_version, "amd64", images=False)[0]
    folder = f"{settings.artifact_folder}/{artifact.name}/{artifact.version}/"
    try:
        checksum(artifact, settings)
    except Unreachable as error:
        files = f"{artifact.filename} and {artifact.checksums_url.rpartition('/')[2]}"
        remedy = f"run `invoke artifacts-fetch` with internet access, or put {files} into {folder}"
        return Stage("Find K3s", "skipped", f"{error}; {remedy}")
    return Stage("Find K3s", "done", f"K3s {settings.k3s_version}")
