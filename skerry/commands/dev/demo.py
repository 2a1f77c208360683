"""`make try`: one lab host, the whole road, the acceptance checks, and a table of what happened."""

from __future__ import annotations

from skerry import lab
from skerry.commands.hosts.up import Stage, deploy, timed, verify_stage
from skerry.commands.inventory import load
from skerry.local.artifacts import checksum
from skerry.local.http_client import Unreachable
from skerry.model.artifacts import k3s_artifacts

INVENTORY = "inventories/lab.py"
WHOLE = ("deploy/k3s.py",)
WITHOUT_K3S = ("deploy/prepare.py", "deploy/harden.py", "deploy/disk.py")


def attempt(backend: str) -> list[Stage]:
    """Walk the road on a lab host. A stage that fails ends it; only a download out of reach is skipped."""
    stages = [timed("Lab host", lambda: _boot(backend))]
    if stages[-1].result == "failed":
        return stages
    found = timed("Find K3s", _find_k3s)
    stages.append(found)
    if found.result == "failed":
        return stages
    if found.result == "skipped":
        # Nothing is downloaded in the host's part, so nothing need be reachable for it.
        walked, stages = _walk(WITHOUT_K3S, {"artifact_delivery": "push"}, stages)
        stages.append(Stage("K3s", "skipped", "see Find K3s"))
        return [*stages, timed("Verify", lambda: verify_stage(load(INVENTORY), "host"))] if walked else stages
    walked, stages = _walk(WHOLE, {}, stages)
    return [*stages, timed("Verify", lambda: verify_stage(load(INVENTORY), "k3s"))] if walked else stages


def _walk(scripts: tuple[str, ...], data: dict[str, object], stages: list[Stage]) -> tuple[bool, list[Stage]]:
    """Run the deploys one after the other. Returns whether all went well, and the stages with theirs."""
    for script in scripts:
        code, phases = deploy(INVENTORY, script, data)
        known = {stage.name for stage in stages if stage.result != "failed"}
        stages = [
            *stages,
            *(stage for stage in phases if stage.name not in known or stage.result == "failed"),
        ]
        if code != 0:
            if all(stage.result != "failed" for stage in stages):
                stages.append(Stage("Deploy", "failed", "see above"))
            return False, stages
    return True, stages


def _boot(backend: str) -> Stage:
    running = {host.name for host in lab.hosts() if host.state == "running"}
    try:
        [host] = lab.up(1, backend)
    except lab.LabError as error:
        return Stage("Lab host", "failed", str(error))
    place = f"{host.name} at {host.address} port {host.port} ({host.backend})"
    return Stage("Lab host", "unchanged" if host.name in running else "done", place)


def _find_k3s() -> Stage:
    """Whether K3s can be had: its checksum is locked or published, and its files are here or in reach."""
    settings = load(INVENTORY).first_server.settings
    artifact = k3s_artifacts(settings.k3s_version, "amd64", images=False)[0]
    folder = f"{settings.artifact_folder}/{artifact.name}/{artifact.version}/"
    try:
        checksum(artifact, settings)
    except Unreachable as error:
        remedy = f"put {artifact.filename} and {artifact.checksums_url.rpartition('/')[2]} into {folder}"
        return Stage(
            "Find K3s", "skipped", f"{error}; `invoke artifacts-fetch` where there is internet, or {remedy}"
        )
    return Stage("Find K3s", "done", f"K3s {settings.k3s_version}")
