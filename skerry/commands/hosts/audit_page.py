"""Render the audit as one HTML page."""

from __future__ import annotations

from collections import Counter
from typing import Any

from skerry import templates

AREAS = {"SSH": "SSH", "FW": "Firewall", "KRN": "Kernel", "SYS": "System", "K3S": "K3s"}
VERDICTS = ("fail", "expired", "accepted", "pass", "not applicable")


def page(cluster: str, time: str, audits: list[dict[str, Any]]) -> str:
    """Returns the HTML of a cluster's page. `audits`: from skerry.commands.hosts.audit.as_plain_values."""
    numbers = Counter(control["verdict"] for audit in audits for control in audit["controls"])
    hosts = [{**audit, "areas": _areas(audit["controls"])} for audit in audits]
    return templates.page(
        "audit.html",
        cluster=cluster,
        time=time,
        hosts=hosts,
        numbers={word: numbers[word] for word in VERDICTS},
    )


def _areas(controls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Group the controls by area, and format the values of their checks for people."""
    return [
        {
            "title": title,
            "controls": [_control(control) for control in controls if control["id"].startswith(f"{key}-")],
        }
        for key, title in AREAS.items()
    ]


def _control(control: dict[str, Any]) -> dict[str, Any]:
    checks = [
        {**check, "wanted": _value(check["wanted"]), "found": _value(check["found"])}
        for check in control["checks"]
    ]
    return {**control, "checks": checks}


def _value(text: str) -> str:
    words = text.split()
    if len(words) == 4 and len(words[3]) == 64:  # a file: mode, owner, group, sha256
        text = f"{' '.join(words[:3])}, sha256 {words[3][:12]}…"
    return text.replace("|", " or ").replace(",", ", ")
