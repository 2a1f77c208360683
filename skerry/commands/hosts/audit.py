"""The audit: every control on every host, with what was found, and where the data lie."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

from rich.table import Table

from skerry.facts.hardening import Hardening
from skerry.local.paths import SKERRY
from skerry.model.errors import InputError
from skerry.model.fact_output import sections
from skerry.model.hardening import catalogue
from skerry.model.hardening.control import Finding, judge
from skerry.model.hardening.host_context import HostContext
from skerry.model.hardening.residency import Disk, Residence, residence
from skerry.phases.hardening_plan import Plan, places
from skerry.remote import ssh
from skerry.remote.inventory import Host, Inventory

PARALLEL = 20
COLOURS = {"pass": "green", "fail": "red", "accepted": "yellow", "expired": "red", "not applicable": "dim"}

_DATA = """
section disks
for path in /var/lib/rancher/k3s/server/db /var/lib/rancher/k3s/storage /var/lib/rancher/k3s/agent; do
  near=$path; while [ ! -d "$near" ]; do near=$(dirname "$near"); done
  echo "$path $(findmnt --noheadings --output FSTYPE,SOURCE --target "$near" | head -n 1)"
done
section nameservers
for file in /run/systemd/resolve/resolv.conf /etc/resolv.conf; do
  [ -r "$file" ] && { awk '$1 == "nameserver" { print $2 }' "$file"; break; }
done
section ntp
systemctl is-active --quiet systemd-timesyncd && timeout 3 timedatectl show-timesync -p ServerName --value 2>/dev/null
section git
command -v k3s > /dev/null && timeout 10 k3s kubectl get gitrepositories.source.toolkit.fluxcd.io -A \
  -o jsonpath='{range .items[*]}{.spec.url}{"\\n"}{end}' 2>/dev/null
true
"""


@dataclass(frozen=True)
class HostAudit:
    """One host: its findings and residence, or why it could not be looked at."""

    host: str
    findings: list[Finding]
    residence: list[Residence]
    problem: str = ""

    @property
    def fine(self) -> bool:
        return not self.problem and all(finding.fine for finding in self.findings)


def audit(inventory: Inventory, today: date | None = None) -> list[HostAudit]:
    """Every host's audit, in the inventory's order."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        day = today or date.today()
        return list(pool.map(lambda host: _audit(inventory, host, day), inventory.hosts))


def _audit(inventory: Inventory, host: Host, today: date) -> HostAudit:
    host_context = HostContext.from_inventory(
        host.name,
        host.role,
        {peer.name: peer.settings for peer in inventory.hosts},
        {peer.name: peer.data.get("ssh_hostname") or "" for peer in inventory.hosts},
    )
    fact = Hardening()
    try:
        with ssh.connect(host) as connection:
            output = ssh.run(connection, host, fact.command(places(host_context)) + _DATA).splitlines()
    except (InputError, RuntimeError) as error:
        return HostAudit(host.name, [], [], str(error).removeprefix(f"{host.name}: "))
    plan = Plan(host_context, fact.process(output))
    waivers = catalogue.waivers(host.settings)
    found = judge(plan.controls, plan.found, waivers, today, plan.state.inapplicable)
    return HostAudit(
        host.name, found, _residence(host, output, plan.found.get(("k3s", "secrets-encryption"), ""))
    )


def _residence(host: Host, output: list[str], encryption: str) -> list[Residence]:
    raw = sections(output)
    disks = [
        Disk(*fields) for fields in (line.split(maxsplit=2) for line in raw["disks"]) if len(fields) == 3
    ]
    facts = {name: " ".join(raw[name]) for name in ("nameservers", "ntp", "git")}
    return residence(host.settings, disks, {**facts, "encryption": encryption})


def as_json(audits: list[HostAudit]) -> list[dict[str, Any]]:
    """The audit as plain values: a row for each control, with every check."""
    return [
        {
            "host": each.host,
            "problem": each.problem,
            "controls": [_row(finding) for finding in each.findings],
            "residence": [vars(answer) for answer in each.residence],
        }
        for each in audits
    ]


def _row(finding: Finding) -> dict[str, Any]:
    control = finding.control
    return {
        "id": control.id,
        "title": control.title,
        "source": control.source,
        "cis_ubuntu_20_04": control.ubuntu,
        "cis_debian_11": control.debian,
        "gdpr": control.gdpr_article,
        "k3s": control.k3s_compatibility,
        "verdict": finding.verdict,
        "why": finding.why,
        "checks": [
            {
                "kind": check.kind,
                "key": check.key,
                "wanted": check.wanted,
                "found": finding.found.get(check.place, "absent"),
            }
            for check in control.checks
        ],
    }


def table(audits: list[HostAudit]) -> Table:
    """What needs a person, and how many controls there are besides."""
    shown = Table("host", "control", "verdict", "why")
    for each in audits:
        if each.problem:
            shown.add_row(each.host, "", "[red]unreachable[/]", each.problem)
            continue
        for finding in each.findings:
            if finding.verdict not in ("pass", "not applicable"):
                verdict = f"[{COLOURS[finding.verdict]}]{finding.verdict}[/]"
                shown.add_row(
                    each.host, f"{finding.control.id} {finding.control.title}", verdict, finding.why[:300]
                )
        shown.add_row(each.host, "", "", _count(each))
    return shown


def _count(each: HostAudit) -> str:
    verdicts = [finding.verdict for finding in each.findings]
    return ", ".join(f"{verdicts.count(name)} {name}" for name in COLOURS if name in verdicts)


def write_page(inventory: Inventory, audits: list[HostAudit]) -> Path:
    """The page for auditors, below SKERRY_HOME."""
    from skerry.commands.hosts.audit_page import page

    now = datetime.now(timezone.utc)
    path = SKERRY / "audits" / f"{inventory.name}-{now:%Y%m%dT%H%M%SZ}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(inventory.name, f"{now:%Y-%m-%d %H:%M} UTC", as_json(audits)))
    return path


def as_text(audits: list[HostAudit]) -> str:
    """JSON for machines."""
    return json.dumps(as_json(audits), indent=2)
