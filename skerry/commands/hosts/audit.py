"""`invoke audit`: check every hardening control on every host, and report where data is stored."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from skerry.facts.hardening import Hardening
from skerry.local.exit_codes import DONE, NOT_AS_WANTED
from skerry.local.files import replace
from skerry.local.paths import AUDITS
from skerry.local.tables import new_table
from skerry.model.errors import InputError
from skerry.model.fact_output import sections
from skerry.model.hardening import catalogue
from skerry.model.hardening.control import ControlFinding, judge
from skerry.model.hardening.host_context import HostContext
from skerry.model.hardening.residency import Disk, Residence, residence
from skerry.phases.hardening_plan import HardeningPlan, values_to_read
from skerry.remote import ssh
from skerry.remote.inventory import Host, Inventory

CONCURRENCY = 20
COLOURS = {"pass": "green", "fail": "red", "accepted": "yellow", "expired": "red", "not applicable": "dim"}

# Errors are ignored, and the last line is `true`, because a host may lack any of these programs and files.
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
    """One host: its findings and where its data is stored, or the problem that prevented the audit."""

    host: str
    findings: list[ControlFinding]
    residence: list[Residence]
    problem: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem and all(finding.ok for finding in self.findings)


def audit(inventory: Inventory, today: date | None = None) -> list[HostAudit]:
    """Audit every host. Returns the audits in the inventory's order; a host that cannot be read has a `problem`."""
    with ThreadPoolExecutor(CONCURRENCY) as pool:
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
            output = ssh.run(
                connection, host, fact.command(values_to_read(host_context)) + _DATA
            ).splitlines()
    except (InputError, RuntimeError) as error:
        return HostAudit(host.name, [], [], str(error).removeprefix(f"{host.name}: "))
    plan = HardeningPlan(host_context, fact.process(output))
    waivers = catalogue.waivers(host.settings)
    findings = judge(plan.controls, plan.values, waivers, today, plan.state.inapplicable)
    encryption = plan.values.get(("k3s", "secrets-encryption"), "")
    return HostAudit(host.name, findings, _residence(host, output, encryption))


def _residence(host: Host, output: list[str], encryption: str) -> list[Residence]:
    raw = sections(output)
    disks = [
        Disk(*fields) for fields in (line.split(maxsplit=2) for line in raw["disks"]) if len(fields) == 3
    ]
    facts = {name: " ".join(raw[name]) for name in ("nameservers", "ntp", "git")}
    return residence(host.settings, disks, {**facts, "encryption": encryption})


def as_plain_values(audits: list[HostAudit]) -> list[dict[str, Any]]:
    """Convert the audits to plain values: one row per control, with all its checks."""
    return [
        {
            "host": audit.host,
            "problem": audit.problem,
            "controls": [_row(finding) for finding in audit.findings],
            "residence": [vars(answer) for answer in audit.residence],
        }
        for audit in audits
    ]


def _row(finding: ControlFinding) -> dict[str, Any]:
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
        "why": finding.reason,
        "checks": [
            {
                "kind": check.kind,
                "key": check.key,
                "wanted": check.expected,
                "found": finding.values.get(check.id, "absent"),
            }
            for check in control.checks
        ],
    }


def table(audits: list[HostAudit]) -> Table:
    """Show the controls that need attention, and how many have each verdict, in 80 columns."""
    table = new_table("host", "control", "verdict", "why", fold=["host", "control", "why"])
    for audit in audits:
        if audit.problem:
            table.add_row(audit.host, "", "[red]unreachable[/]", escape(audit.problem))
            continue
        for finding in audit.findings:
            if finding.verdict not in ("pass", "not applicable"):
                control, colour = finding.control, COLOURS[finding.verdict]
                verdict = f"[{colour}]{finding.verdict}[/]"
                table.add_row(
                    audit.host, f"{control.id} {control.title}", verdict, escape(finding.reason[:300])
                )
        table.add_row(audit.host, "", "", _counts(audit))
    return table


def _counts(audit: HostAudit) -> str:
    """How many controls have each verdict: "40 pass, 1 accepted"."""
    verdicts = [finding.verdict for finding in audit.findings]
    return ", ".join(f"{verdicts.count(name)} {name}" for name in COLOURS if name in verdicts)


def show(inventory: Inventory, as_json: bool) -> int:
    """Audit, write the page for auditors, and print a table or JSON.

    Returns 3 if a control fails, a waiver has expired or a host could not be audited, else 0.
    """
    audits = audit(inventory)
    page = write_page(inventory, audits)
    if as_json:
        print(json.dumps(as_plain_values(audits), indent=2))
    else:
        Console().print(table(audits))
        print(f"For auditors: {page}")
    return DONE if all(audit.ok for audit in audits) else NOT_AS_WANTED


def write_page(inventory: Inventory, audits: list[HostAudit]) -> Path:
    """Write the page for auditors. Returns its path."""
    from skerry.commands.hosts.audit_page import page

    now = datetime.now(timezone.utc)
    path = AUDITS / f"{inventory.name}-{now:%Y%m%dT%H%M%SZ}.html"
    replace(path, page(inventory.name, f"{now:%Y-%m-%d %H:%M} UTC", as_plain_values(audits)))
    return path
