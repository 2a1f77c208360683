"""Hardening controls as data: what an auditor may expect of a host, and the verdict on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

Kind = Literal[
    "sshd", "hostkeys", "sysctl", "module", "file", "mode", "unit", "package", "mount", "line", "firewall", "k3s",
]  # fmt: skip
"""How a check's value is read: skerry/facts/hardening.sh has a section for each, skerry/checks has its own way."""

GdprArticle = Literal[
    "32(1)(a) encryption",
    "32(1)(b) confidentiality",
    "32(1)(b) integrity",
    "32(1)(b) availability and resilience",
    "32(1)(d) testing and evaluation",
]
"""The part of Regulation (EU) 2016/679 on the security of processing that a control serves."""

Verdict = Literal["pass", "fail", "accepted", "expired", "not applicable"]
CheckId: TypeAlias = tuple[str, str]
"""A check's kind and key."""
Inapplicable: TypeAlias = Mapping["Kind | CheckId", str]
"""The kinds of checks, and single checks, that do not apply to a host, with the reason."""


@dataclass(frozen=True)
class Check:
    """An expected value on a host. `expected` lists alternatives separated by "|".

    A mode is an upper bound; if the key ends in "*", for all matching files. A mount lists required options instead,
    separated by ",".
    """

    kind: Kind
    key: str
    expected: str

    @property
    def id(self) -> CheckId:
        return self.kind, self.key

    def applies(self, inapplicable: Inapplicable) -> bool:
        """Returns False if the host cannot have this value."""
        return self.kind not in inapplicable and self.id not in inapplicable

    def holds(self, value: str | None) -> bool:
        """Returns whether the host's `value` is as expected. None means that the host has no such value."""
        alternatives = self.expected.split("|")
        if value is None:
            return "absent" in alternatives
        if self.kind == "mode":
            return any(_within_mode(value, bound) for bound in alternatives)
        if self.kind == "mount":
            return set(self.expected.split(",")) <= set(value.split(","))
        return value.casefold() in (alternative.casefold() for alternative in alternatives)


def _within_mode(value: str, bound: str) -> bool:
    """Returns whether a mode such as "640 root shadow" grants nothing beyond `bound`, with the same owner and group."""
    if bound == "absent":
        return False
    (mode, *owners), (bound_mode, *bound_owners) = value.split(), bound.split()
    return int(mode, 8) & ~int(bound_mode, 8) == 0 and owners == bound_owners


@dataclass(frozen=True)
class Control:
    """A control. `k3s_compatibility`: why K3s works with it.

    `ubuntu` and `debian`: sections of CIS Ubuntu Linux 20.04 LTS 1.0.0 and CIS Debian Linux 11 1.0.0, "" for none.
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
    """A control that is not applied: a risk accepted for a reason until a date."""

    reason: str
    until: date


@dataclass(frozen=True)
class ControlFinding:
    """A control's verdict on one host. `values`: the host's, by check. `reason`: of any verdict but "pass"."""

    control: Control
    verdict: Verdict
    values: Mapping[CheckId, str]
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.verdict not in ("fail", "expired")


def judge(
    controls: Iterable[Control],
    values: Mapping[CheckId, str],
    waivers: Mapping[str, Waiver],
    today: date,
    inapplicable: Inapplicable,
) -> list[ControlFinding]:
    """Returns the findings of all controls on one host. `values`: the host's, by check."""
    return [_judge(control, values, waivers.get(control.id), today, inapplicable) for control in controls]


def _judge(
    control: Control,
    host_values: Mapping[CheckId, str],
    waiver: Waiver | None,
    today: date,
    inapplicable: Inapplicable,
) -> ControlFinding:
    values = {check.id: host_values[check.id] for check in control.checks if check.id in host_values}
    if waiver:
        verdict: Verdict = "accepted" if today <= waiver.until else "expired"
        return ControlFinding(control, verdict, values, f"{waiver.reason} (until {waiver.until})")
    checks = [check for check in control.checks if check.applies(inapplicable)]
    if not checks:
        reasons = {inapplicable.get(check.kind) or inapplicable[check.id] for check in control.checks}
        reason = "; ".join(sorted(reasons)) or "it has no checks with these settings"
        return ControlFinding(control, "not applicable", values, reason)
    failed = [check for check in checks if not check.holds(values.get(check.id))]
    if not failed:
        return ControlFinding(control, "pass", values)
    problems = [
        f"{check.key} is {values.get(check.id, 'absent')}, should be {check.expected}" for check in failed
    ]
    return ControlFinding(control, "fail", values, "; ".join(problems))
