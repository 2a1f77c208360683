"""The road as one command: deploy, verify, and a table of what happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from skerry.commands.fleet.handoff import check_prerequisites
from skerry.commands.hosts.verify import verify
from skerry.commands.inventory import load
from skerry.commands.stages import Stage, finish, timed
from skerry.local.journal import read
from skerry.local.paths import PROJECT
from skerry.model.flux_target import Target
from skerry.remote.inventory import Inventory
from skerry.remote.trust import trust
from skerry.runner.shell_sockets import READY

PAUSE_SECONDS = 0.05


def deploy(
    inventory: str,
    script: str,
    data: dict[str, object],
    secrets: Mapping[str, str] | None = None,
    only: str = "",
    then: Callable[[Path], None] | None = None,
) -> tuple[int, list[Stage]]:
    """Run a deploy in pyinfra's own process. Returns its exit code and a stage for each phase it came to.

    `secrets` go into that process's environment. `only` names the one host to change. `then` follows a run that went
    well; it is given a folder with a socket for each host, which leads to a shell there over the run's connection.
    """
    begun = time.time()
    command = [
        sys.executable,
        "-m",
        "skerry.runner.engine",
        "run",
        inventory,
        script,
        "--data",
        json.dumps(data),
        "--only",
        only,
    ]
    environment = {**os.environ, **(secrets or {})}
    if then is None:
        code = subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode
        return code, phases(read(Path(inventory), begun))  # none if it ended before it began: bad input
    with tempfile.TemporaryDirectory(prefix="skerry-") as folder:
        command += ["--lend", folder]
        with subprocess.Popen(command, cwd=PROJECT, env=environment, stdin=subprocess.PIPE) as process:
            while process.poll() is None and not Path(folder, READY).exists():
                time.sleep(PAUSE_SECONDS)
            found = phases(read(Path(inventory), begun))
            if process.poll() is None:
                then(Path(folder))
        return process.returncode, found


def phases(lines: list[dict[str, object]]) -> list[Stage]:
    """A stage for each phase in a run's journal, in order: "K3s | Link the version" belongs to "K3s"."""
    stages: dict[str, Stage] = {}
    changes: dict[str, int] = {}
    for line in lines:
        if line["event"] != "end":
            continue
        phase, _, operation = str(line["operation"]).partition(" | ")
        stage = stages.get(phase, Stage(phase, "done" if phase == "Preflight" else "unchanged"))
        seconds = stage.seconds + float(str(line["seconds"]))
        if line["result"] == "failed":
            stage = replace(
                stage, result="failed", why=f"{line['host']}: {operation}" if line["host"] else "see above"
            )
        elif line["result"] == "changed" and stage.result != "failed":
            changes[phase] = changes.get(phase, 0) + 1
            stage = replace(stage, result="done", why=f"{changes[phase]} changed")
        stages[phase] = replace(stage, seconds=seconds)
    return list(stages.values())


def show(inventory_path: str, script: str, check: bool, as_json: bool) -> int:
    """Deploy, verify if `check`, and print the stages. Returns the exit code."""
    code, stages = up(inventory_path, script, check)
    failed = f"correct what failed, then invoke up {inventory_path}"
    return finish(code, stages, failed if code else f"invoke kubeconfig {inventory_path}", as_json)


def up(inventory_path: str, script: str, check: bool) -> tuple[int, list[Stage]]:
    """Deploy, then verify. Raises InputError before any host is touched."""
    inventory = load(inventory_path)
    trust(inventory)
    verified: list[Stage] = []

    def look(doors: Path) -> None:
        verified.append(timed("Verify", lambda: verify_stage(inventory, Path(script).stem, doors)))

    code, stages = deploy(
        inventory_path, script, {}, flux_token(inventory, script), then=look if check else None
    )
    failed = any(stage.result == "failed" for stage in verified)
    return 1 if code == 0 and failed else code, [*stages, *verified]


def flux_token(inventory: Inventory, script: str) -> dict[str, str]:
    """What the Flux phase of a script needs, in the variable it reads. Raises InputError when it cannot be had."""
    first = inventory.first_server
    if Path(script).stem not in ("k3s", "flux") or first.settings.flux_forge == "none":
        return {}
    token = check_prerequisites(inventory)
    name = Target.from_settings(first.settings, first.known_hosts).token_name
    return {name: token} if name else {}


def verify_stage(inventory: Inventory, extent: str, doors: Path | None = None) -> Stage:
    """The acceptance checks as a stage, over the connections of a run before it where there was one."""
    outcome = verify(inventory, extent, quiet=True, doors=doors)
    summary = f"{outcome.passed} passed, {outcome.failed} failed, {outcome.skipped} skipped"
    if outcome.failed or not outcome.passed:
        return Stage("Verify", "failed", f"{summary}; see above")
    return Stage("Verify", "done", summary)
