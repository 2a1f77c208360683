"""The audit as one HTML file: no scripts, nothing fetched, light and dark, fit for print."""

from __future__ import annotations

from html import escape
from string import Template
from typing import Any

from skerry import templates

PAGE = Template(templates.text("pages/audit.html"))
AREAS = {"SSH": "SSH", "FW": "Firewall", "KRN": "Kernel", "SYS": "System", "K3S": "K3s"}
VERDICTS = ("fail", "expired", "accepted", "pass", "not applicable")


def page(cluster: str, time: str, audits: list[dict[str, Any]]) -> str:
    """The page for a cluster; `audits` as controller.audit.as_json gives them."""
    hosts = "\n".join(_host(each) for each in audits)
    return PAGE.substitute(cluster=escape(cluster), time=escape(time), summary=_summary(audits), hosts=hosts)


def _summary(audits: list[dict[str, Any]]) -> str:
    verdicts = [control["verdict"] for each in audits for control in each["controls"]]
    cells = "".join(
        f'<div class="count {name.split()[0]}"><b>{verdicts.count(name)}</b>{name}</div>' for name in VERDICTS
    )
    return f'<div class="counts">{cells}</div>'


def _host(audit: dict[str, Any]) -> str:
    name = escape(audit["host"])
    if audit["problem"]:
        return f'<section><h2>{name}</h2><p class="verdict fail">{escape(audit["problem"])}</p></section>'
    areas = "".join(_area(key, title, audit["controls"]) for key, title in AREAS.items())
    return f"<section><h2>{name}</h2>{_residence(audit['residence'])}{areas}</section>"


def _residence(answers: list[dict[str, Any]]) -> str:
    rows = "".join(
        f'<tr class="{"attention" if each["attention"] else ""}"><th scope="row">{escape(each["question"])}</th>'
        f"<td>{escape(each['answer'])}</td></tr>"
        for each in answers
    )
    return f"<h3>Data residency</h3><table class='residence'><tbody>{rows}</tbody></table>"


def _area(key: str, title: str, controls: list[dict[str, Any]]) -> str:
    rows = "".join(_control(each) for each in controls if each["id"].startswith(f"{key}-"))
    head = (
        "<th>control</th><th>verdict</th><th>CIS Ubuntu 20.04</th><th>CIS Debian 11</th><th>GDPR art. 32</th>"
    )
    return f"<h3>{title}</h3><div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _control(control: dict[str, Any]) -> str:
    verdict = control["verdict"]
    checks = "".join(
        f"<tr><td>{escape(each['kind'])} <code>{escape(each['key'])}</code></td><td>{_value(each['wanted'])}</td>"
        f"<td>{_value(each['found'])}</td></tr>"
        for each in control["checks"]
    )
    why = f"<p>{escape(control['why'])}</p>" if control["why"] else ""
    detail = (
        f"{why}<p class='note'>Source: {escape(control['source'])}. K3s: {escape(control['k3s'])}.</p>"
        f"<table class='checks'><thead><tr><th>check</th><th>wanted</th><th>found</th></tr></thead>"
        f"<tbody>{checks}</tbody></table>"
    )
    opened = " open" if verdict in ("fail", "expired") else ""
    return (
        f"<tr><td><details{opened}><summary><b>{control['id']}</b> {escape(control['title'])}</summary>"
        f"{detail}</details></td><td><span class='verdict {verdict.split()[0]}'>{verdict}</span></td>"
        f"<td>{escape(control['cis_ubuntu_20_04'])}</td><td>{escape(control['cis_debian_11'])}</td>"
        f"<td>{escape(control['gdpr'])}</td></tr>"
    )


def _value(text: str) -> str:
    words = text.split()
    if len(words) == 4 and len(words[3]) == 64:  # a file: mode, owner, group, sha256
        text = f"{' '.join(words[:3])}, sha256 {words[3][:12]}…"
    return escape(text.replace("|", " or ").replace(",", ", "))
