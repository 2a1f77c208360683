"""Run the acceptance checks of skerry/checks/ with testinfra over OpenSSH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from skerry.local.exit_codes import DONE, FAILED
from skerry.local.paths import PROJECT
from skerry.model.errors import InputError
from skerry.remote import ssh
from skerry.remote.inventory import Host, Inventory

# For each file test_<name>.py of skerry/checks/: the phases that must all have run before it can pass.
CHECKS = {
    "packages": {"packages"},
    "clock": {"clock"},
    "swap": {"swap"},
    "cgroup": {"cgroup"},
    "kernel": {"kernel"},
    "hardening": {"ssh", "firewall", "system"},
    "k3s": {"k3s"},
}
EXTENTS = {
    "prepare": ("packages", "clock", "swap", "cgroup", "kernel"),
    "harden": ("hardening",),
    "host": ("packages", "clock", "swap", "cgroup", "kernel", "hardening"),
    "k3s": tuple(CHECKS),
}


@dataclass(frozen=True)
class Outcome:
    """How many checks passed, failed and were skipped."""

    passed: int
    failed: int
    skipped: int

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def show(inventory: Inventory, extent: str) -> int:
    """Run the checks of an extent and print the counts. Returns 1 if one fails or none passes, else 0.

    Raises InputError for an unknown extent or a host that cannot be reached.
    """
    if extent not in EXTENTS:
        raise InputError(f"--extent is {extent!r}; write {', '.join(EXTENTS)}")
    _require_connections(inventory.hosts)
    outcome = verify(inventory, EXTENTS[extent])
    print(outcome)
    return DONE if outcome.passed and not outcome.failed else FAILED


def checks_of_phases(phases: Collection[str]) -> list[str]:
    """Returns the checks whose phases are all in `phases`."""
    return [check for check, required in CHECKS.items() if required <= set(phases)]


def verify(inventory: Inventory, checks: Sequence[str], quiet: bool = False) -> Outcome:
    """Run these checks on all hosts. Returns the counts; without a report from pytest, one failure.

    pytest's output goes to standard error; `quiet`: only failures.
    """
    with tempfile.TemporaryDirectory(prefix="skerry-verify-") as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short"]
        command += ["-q" if quiet else "-v", f"--junitxml={report}"]
        command += [f"skerry/checks/test_{check}.py" for check in checks]
        hosts = {
            host.name: {"role": host.role, "sudo": host.sudo, "data": host.data} for host in inventory.hosts
        }
        environment = {
            **os.environ,
            "SKERRY_VERIFY_SSH": str(write_ssh_config(Path(folder), inventory.hosts)),
            "SKERRY_VERIFY_HOSTS": json.dumps(hosts),
        }
        subprocess.run(command, cwd=PROJECT, env=environment, stdout=sys.stderr, check=False)
        return read_report(report) if report.exists() else Outcome(0, 1, 0)


def _require_connections(hosts: Sequence[Host]) -> None:
    """Connect to each host once. Raises InputError with a line per unreachable host, of which all checks would fail."""

    def problem(host: Host) -> str:
        try:
            with ssh.connect(host):
                return ""
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        problems = [line for line in pool.map(problem, hosts) if line]
    if problems:
        raise InputError("\n".join(problems))


def read_report(report: Path) -> Outcome:
    """Read the counts from a JUnit report."""
    suite = ElementTree.parse(report).getroot().find("testsuite")  # noqa: S314  our own pytest wrote it
    assert suite is not None
    total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    return Outcome(total - failed - skipped, failed, skipped)


def write_ssh_config(folder: Path, hosts: Iterable[Host]) -> Path:
    """Write OpenSSH's configuration for these hosts."""
    path = folder / "ssh_config"
    path.write_text("\n".join(map(_ssh_config, hosts)))
    return path


def _ssh_config(host: Host) -> str:
    """Returns a host's entry, with which ssh verifies the host's key and never prompts."""
    lines = [
        f"Host {host.name}",
        f"  HostName {host.address}",
        f"  Port {host.port}",
        f"  User {host.user}",
        f"  UserKnownHostsFile {host.known_hosts}",
        "  StrictHostKeyChecking yes",
        "  BatchMode yes",
        # Without this, a login banner would stand in the output.
        "  LogLevel ERROR",
    ]
    if host.key:
        lines += [f"  IdentityFile {host.key}", "  IdentitiesOnly yes"]
    return "\n".join([*lines, ""])
