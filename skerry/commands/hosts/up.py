"""Run deploys, each in a process of its own; `invoke up` also verifies the hosts and prints a table of stages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from skerry.commands.fleet.handoff import check_prerequisites
from skerry.commands.hosts.verify import checks_of_phases, verify
from skerry.commands.inventory import load
from skerry.commands.stages import Stage, finish, timed
from skerry.local.exit_codes import DONE, FAILED
from skerry.local.journal import read
from skerry.local.paths import PROJECT
from skerry.model.flux_target import Target
from skerry.remote.inventory import Inventory
from skerry.remote.trust import trust


def deploy(
    inventory: str,
    script: str,
    data: dict[str, object],
    secrets: Mapping[str, str] | None = None,
    only: str = "",
) -> tuple[int, list[Stage]]:
    """Run a deploy script in a process of its own. Returns the exit code and a stage per phase that ran operations.

    `data` overrides settings by name, `secrets` are environment variables, and `only` names the one host to change.
    """
    begun = time.time()
    command = [sys.executable, "-m", "skerry.runner.engine", "run", inventory, script]
    command += ["--data", json.dumps(data), "--only", only]
    environment = {**os.environ, **(secrets or {})}
    code = subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode
    # Bad input ends a run before it has a journal, so there are no stages.
    return code, phase_stages(read(Path(inventory), begun))


def phase_stages(journal: list[dict[str, object]]) -> list[Stage]:
    """Returns a stage for each phase in a journal, in order. The phase of "K3s | Link the version" is "K3s"."""
    stages: dict[str, Stage] = {}
    changes: dict[str, int] = {}
    for line in journal:
        if line["event"] != "end":
            continue
        phase, _, operation = str(line["operation"]).partition(" | ")
        stage = stages.get(phase, Stage(phase, "done" if phase == "Preflight" else "unchanged"))
        seconds = stage.seconds + float(str(line["seconds"]))
        if line["result"] == "failed":
            why = f"{line['host']}: {operation}" if line["host"] else "see above"
            stage = replace(stage, result="failed", why=why)
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
    """Deploy, and if `check` verify what the script's phases did. Returns exit code and stages. Raises InputError."""
    inventory = load(inventory_path)
    trust(inventory)
    phases = imported_phases(script)
    code, stages = deploy(inventory_path, script, {}, flux_token(inventory, phases))
    if code != DONE or not check:
        return code, stages
    verified = timed("Verify", lambda: verify_stage(inventory, checks_of_phases(phases)))
    return FAILED if verified.result == "failed" else DONE, [*stages, verified]


def imported_phases(script: str) -> set[str]:
    """Returns the phases that a deploy script imports, such as {"preflight", "swap"}; empty without that file."""
    path = PROJECT / script
    text = path.read_text() if path.is_file() else ""
    return set(re.findall(r"^\s*(?:from|import) skerry\.phases\.(\w+)", text, re.MULTILINE))


def flux_token(inventory: Inventory, phases: Collection[str]) -> dict[str, str]:
    """Returns the forge's token by the name of its environment variable; {} if this deploy needs no token.

    Raises InputError if the token, or a program of the hand-off to Flux, is missing.
    """
    first = inventory.first_server
    if "flux" not in phases or first.settings.flux_forge == "none":
        return {}
    token = check_prerequisites(inventory)
    name = Target.from_settings(first.settings, first.known_hosts).token_name
    return {name: token} if name else {}


def verify_stage(inventory: Inventory, checks: Sequence[str]) -> Stage:
    """Run these acceptance checks. Returns a stage: skipped without checks, failed if a check fails or none passes."""
    if not checks:
        return Stage("Verify", "skipped", "this script runs no phase that has acceptance checks")
    outcome = verify(inventory, checks, quiet=True)
    if outcome.failed or not outcome.passed:
        return Stage("Verify", "failed", f"{outcome}; see above")
    return Stage("Verify", "done", str(outcome))
