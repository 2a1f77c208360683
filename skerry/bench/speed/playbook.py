"""Compose a playbook with which Ansible does the same as Skerry: files, packages, services, modes, links and K3s."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from skerry.bench.speed.recording import Recording
from skerry.model.hardening.control import Check
from skerry.phases.hardening_plan import HardeningPlan

Task = dict[str, Any]
K3S_LINKS = {"/usr/local/bin/kubectl": "k3s", "/usr/local/bin/crictl": "k3s", "/usr/local/bin/ctr": "k3s"}


def compose(plan: HardeningPlan, recording: Recording, with_k3s: bool, folder: Path) -> list[dict[str, Any]]:
    """Compose the playbook for the host of the recorded run, and write the contents of its files to `folder`.

    It is the fastest for Ansible: a task has a list of names if its module takes a list, and no facts are gathered.
    """
    tasks = [*_packages(plan, recording), *_files(recording, with_k3s, folder), *_checks(plan), *_swap()]
    if with_k3s:
        tasks += _k3s(recording)
    return [{"hosts": "all", "gather_facts": False, "tasks": tasks}]


def _packages(plan: HardeningPlan, recording: Recording) -> Iterator[Task]:
    checks = [check for check in _applying(plan) if check.kind == "package"]
    for state in ("installed", "absent"):
        names = [check.key for check in checks if check.expected == state]
        if state == "installed":
            names += recording.packages
        word = {"installed": "present", "absent": "absent"}[state]
        yield {"apt": {"name": sorted(set(names)), "state": word, "install_recommends": False}}


def _files(recording: Recording, with_k3s: bool, folder: Path) -> Iterator[Task]:
    folders = {str(Path(path).parent) for path in recording.files}
    for name in sorted(name for name in folders if re.search(r"/k3s|/skerry|\.d$", name)):
        if with_k3s or "k3s" not in name:
            yield {"file": {"path": name, "state": "directory"}}
    for number, (path, (content, mode, owner)) in enumerate(recording.files.items()):
        if (
            not with_k3s
            and ("k3s" in Path(path).name or "/k3s/" in path)
            and not path.startswith("/etc/sysctl")
        ):
            continue
        source = folder / f"{number}.txt"
        source.write_text(content)
        yield {"copy": {"src": str(source), "dest": path, "mode": f"0{mode}", "owner": owner, "group": owner}}


def _checks(plan: HardeningPlan) -> Iterator[Task]:
    """Yield tasks for modes, services and single lines that the controls require."""
    for check in _applying(plan):
        found = plan.values.get(check.id)
        if check.kind == "mode" and found:
            mode, owner, group = found.split()
            yield {"file": {"path": check.key, "mode": f"0{mode}", "owner": owner, "group": group}}
        elif check.kind == "unit" and check.expected == "active":
            yield {"systemd": {"name": check.key, "state": "started", "enabled": True}}
        elif check.kind == "unit" and found:
            yield {"systemd": {"name": check.key, "masked": True}}
        elif check.kind == "line":
            path, key = check.key.split()
            line = f"{key}\t\t{check.expected}"
            yield {"lineinfile": {"path": path, "regexp": f"^{key}[ \t]", "line": line}}


def _applying(plan: HardeningPlan) -> list[Check]:
    checks = dict.fromkeys(check for control in plan.active for check in control.checks)
    return [check for check in checks if check.applies(plan.state.inapplicable)]


def _swap() -> Iterator[Task]:
    pattern = r"^([^#\s]\S*\s+\S+\s+swap\s.*)$"
    yield {"replace": {"path": "/etc/fstab", "regexp": pattern, "replace": r"# \1"}}
    yield {"systemd": {"name": "systemd-timesyncd", "enabled": True}}


def _k3s(recording: Recording) -> Iterator[Task]:
    """Yield tasks for K3s: its binary, links, tokens and service, and a query of the node."""
    [(part, source)] = recording.uploads.items()
    binary = part.split("/k3s.")[0] + "/k3s"
    yield {"file": {"path": str(Path(binary).parent), "state": "directory"}}
    yield {"copy": {"src": source, "dest": binary, "mode": "0755"}}
    for path, target in {"/usr/local/bin/k3s": binary, **K3S_LINKS}.items():
        yield {"file": {"path": path, "src": target, "state": "link", "force": True}}
    for path in ("/etc/rancher/k3s/token", "/etc/rancher/k3s/agent-token"):
        token = f"umask 077; od -An -N 32 -t x1 /dev/urandom | tr -d ' \\n' > {path}"
        yield {"shell": token, "args": {"creates": path}}
    yield {"systemd": {"name": "k3s", "state": "started", "enabled": True, "daemon_reload": False}}
    yield {
        "command": "k3s kubectl get nodes",
        "environment": {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        "changed_when": False,
    }
