"""The acceptance checks under skerry/checks/, run against any inventory with testinfra over OpenSSH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from skerry.local.exit_codes import DONE, FAILED
from skerry.local.paths import PROJECT
from skerry.model.errors import InputError
from skerry.remote import ssh
from skerry.remote.inventory import Host, Inventory

# What each deploy script is responsible for, by its name.
PREPARED = ("packages", "clock", "swap", "cgroup", "kernel")
EXTENTS = {
    "prepare": PREPARED,
    "harden": ("hardening",),
    "host": (*PREPARED, "hardening"),
    "k3s": (*PREPARED, "hardening", "k3s"),
}


@dataclass(frozen=True)
class Outcome:
    """How many checks passed, failed and were skipped."""

    passed: int
    failed: int
    skipped: int


def verify(
    inventory: Inventory, extent: str = "k3s", quiet: bool = False, doors: Path | None = None
) -> Outcome:
    """Run the checks of an extent: "prepare" (the host part), "harden" (the controls), "host" (both), "k3s" (all).

    pytest's own report goes to standard error; `quiet` shows failures alone. `doors` is a folder of sockets to shells
    on the hosts (skerry/runner/shell_sockets.py); without it each
    is connected to. Raises InputError where one cannot be.
    """
    if doors is None:
        _insist_on_reach(inventory.hosts)
    names = EXTENTS[extent]
    with tempfile.TemporaryDirectory(prefix="skerry-verify-") as folder:
        ssh_config = write_ssh_config(Path(folder), inventory.hosts)
        report = Path(folder, "report.xml")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-q" if quiet else "-v",
            "--tb=short",
        ]
        command += [f"--junitxml={report}", *(f"skerry/checks/test_{name}.py" for name in names)]
        environment = {
            "SKERRY_VERIFY_SSH": str(ssh_config),
            "SKERRY_VERIFY_DOORS": str(doors or ""),
            "SKERRY_VERIFY_HOSTS": json.dumps(
                {
                    host.name: {"role": host.role, "sudo": host.sudo, "data": host.data}
                    for host in inventory.hosts
                }
            ),
        }
        subprocess.run(
            command, cwd=PROJECT, env={**os.environ, **environment}, stdout=sys.stderr, check=False
        )
        return read_report(report) if report.exists() else Outcome(0, 1, 0)


def show(inventory: Inventory, extent: str) -> int:
    """Run the checks and print the counts. Returns 1 if one fails or none ran."""
    outcome = verify(inventory, extent)
    print(f"{outcome.passed} passed, {outcome.failed} failed, {outcome.skipped} skipped")
    return DONE if outcome.passed and not outcome.failed else FAILED


def _insist_on_reach(hosts: Sequence[Host]) -> None:
    """Raises InputError with a line for each host that cannot be connected to: its checks would say no more."""

    def mistake(host: Host) -> str:
        try:
            with ssh.connect(host):
                return ""
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        mistakes = [each for each in pool.map(mistake, hosts) if each]
    if mistakes:
        raise InputError("\n".join(mistakes))


def read_report(report: Path) -> Outcome:
    """The counts in a JUnit report."""
    suite = ElementTree.parse(report).getroot().find("testsuite")  # noqa: S314  our own pytest wrote it
    assert suite is not None
    total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    return Outcome(total - failed - skipped, failed, skipped)


def write_ssh_config(folder: Path, hosts: Iterable[Host]) -> Path:
    """OpenSSH's configuration for these hosts."""
    path = folder / "ssh_config"
    path.write_text("\n".join(map(_entry, hosts)))
    return path


def _entry(host: Host) -> str:
    """The host's key is verified, and nothing is asked."""
    lines = [
        f"Host {host.name}",
        f"  HostName {host.address}",
        f"  Port {host.port}",
        f"  User {host.user}",
        f"  UserKnownHostsFile {host.known_hosts}",
        "  StrictHostKeyChecking yes",
        "  BatchMode yes",
        "  LogLevel ERROR",  # a login banner is no answer
    ]
    if host.key:
        lines += [f"  IdentityFile {host.key}", "  IdentitiesOnly yes"]
    return "\n".join([*lines, ""])
