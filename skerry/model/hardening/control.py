"""Controls: what an auditor may expect of a host, as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

Kind = Literal[
    "sshd",
    "hostkeys",
    "sysctl",
    "module",
    "file",
    "mode",
    "unit",
    "package",
    "mount",
    "line",
    "firewall",
    "k3s",
]
"""How a check is read: skerry/facts/hardening.sh has a section for each, skerry/checks a second opinion."""

GdprArticle = Literal[
    "32(1)(a) encryption",
    "32(1)(b) confidentiality",
    "32(1)(b) integrity",
    "32(1)(b) availability and resilience",
    "32(1)(d) testing and evaluation",
]
"""What a control does for the security of processing: Regulation (EU) 2016/679, article 32, paragraph 1."""

Verdict = Literal["pass", "fail", "accepted", "expired", "not applicable"]
Place: TypeAlias = tuple[str, str]
"""A check's kind and key."""
Inapplicable: TypeAlias = Mapping["Kind | Place", str]
"""What a host cannot have, a whole kind of checks or a single one, with the reason."""


@dataclass(frozen=True)
class Check:
    """One value of a host. `wanted` lists alternatives divided by "|"; modes are upper bounds, and where the key ends
    in "*" they bound all those files.
    """

    kind: Kind
    key: str
    wanted: str

    @property
    def place(self) -> Place:
        return self.kind, self.key

    def applies(self, inapplicable: Inapplicable) -> bool:
        """Whether a host for which `inapplicable` holds can have it."""
        return self.kind not in inapplicable and self.place not in inapplicable

    def holds(self, found: str | None) -> bool:
        """Whether `found`, None for "is not there", is as wanted."""
        alternatives = self.wanted.split("|")
        if found is None:
            return "absent" in alternatives
        if self.kind == "mode":
            return any(_no_wider(found, each) for each in alternatives)
        if self.kind == "mount":
            return set(self.wanted.split(",")) <= set(found.split(","))
        return found.casefold() in (each.casefold() for each in alternatives)


def _no_wider(found: str, wanted: str) -> bool:
    """Whether "640 root shadow" grants nothing beyond "640 root shadow"; owner and group must be the same."""
    if wanted == "absent":
        return False
    (mode, *owners), (most, *wanted_owners) = found.split(), wanted.split()
    return int(mode, 8) & ~int(most, 8) == 0 and owners == wanted_owners


@dataclass(frozen=True)
class Control:
    """One control. `ubuntu` and `debian` are sections of CIS Ubuntu Linux 20.04 LTS 1.0.0 and CIS Debian Linux 11
    1.0.0, "" where those have none; `safe` is why K3s works with it.
    """

    id: str
    title: str
    source: str
    ubuntu: str
    debian: str
    gdpr_article: GdprArticle
    k3s_compatibility: str
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Waiver:
    """A control that someone has switched off: a risk accepted for a reason until a day."""

    reason: str
    until: date


@dataclass(frozen=True)
class Finding:
    """A control's verdict on one host. `found`: the values of its checks that are there."""

    control: Control
    verdict: Verdict
    found: Mapping[Place, str]
    why: str = ""

    @property
    def fine(self) -> bool:
        return self.verdict not in ("fail", "expired")

    @property
    def wrong(self) -> list[Check]:
        """The checks that do not hold."""
        return [check for check in self.control.checks if not check.holds(self.found.get(check.place))]


def judge(
    controls: Iterable[Control],
    found: Mapping[Place, str],
    waivers: Mapping[str, Waiver],
    today: date,
    inapplicable: Inapplicable,
) -> list[Finding]:
    """A finding for each control on one host."""
    return [_judge(control, found, waivers.get(control.id), today, inapplicable) for control in controls]


def _judge(
    control: Control,
    found: Mapping[Place, str],
    waiver: Waiver | None,
    today: date,
    inapplicable: Inapplicable,
) -> Finding:
    values = {check.place: found[check.place] for check in control.checks if check.place in found}
    if waiver:
        verdict: Verdict = "accepted" if today <= waiver.until else "expired"
        return Finding(control, verdict, values, f"{waiver.reason} (until {waiver.until})")
    checks = [check for check in control.checks if check.applies(inapplicable)]
    if not checks:
        reasons = {inapplicable.get(c.kind) or inapplicable[c.place] for c in control.checks}
        return Finding(
            control, "not applicable", values, "; ".join(sorted(reasons)) or "nothing is asked for"
        )
    wrong = [check for check in checks if not check.holds(values.get(check.place))]
    if not wrong:
        return Finding(control, "pass", values)
    told = [f"{c.key} is {values.get(c.place, 'absent')}, should be {c.wanted}" for c in wrong]
    return Finding(control, "fail", values, "; ".join(told))
