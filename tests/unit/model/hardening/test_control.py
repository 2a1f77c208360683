"""How a check compares, and how a control is judged."""

from __future__ import annotations

from datetime import date

import pytest

from skerry.model.hardening.control import Check, Control, Waiver, judge
from skerry.model.hardening.host_context import HostContext

TODAY = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("wanted", "actual", "holds"),
    [
        ("640 root shadow", "640 root shadow", True),
        ("640 root shadow", "600 root shadow", True),
        ("640 root shadow", "644 root shadow", False),
        ("640 root shadow", "640 root root", False),
        ("640 root shadow|absent", None, True),
        ("640 root shadow", None, False),
    ],
)
def test_the_mode_of_a_check_is_an_upper_bound(wanted: str, actual: str | None, holds: bool) -> None:
    assert Check("mode", "/x", wanted).holds(actual) == holds


def test_verdicts(host_context: HostContext) -> None:
    control = Control("X-1", "", "", "", "", "32(1)(b) integrity", "", (Check("sysctl", "a", "1"),))
    key = ("sysctl", "a")
    waiver = {"X-1": Waiver("old client", TODAY)}

    def verdict(actual: str, waivers: dict[str, Waiver], today: date, inapplicable: dict) -> str:  # type: ignore[type-arg]
        return judge([control], {key: actual}, waivers, today, inapplicable)[0].verdict

    assert verdict("1", {}, TODAY, {}) == "pass"
    assert verdict("0", {}, TODAY, {}) == "fail"
    assert verdict("0", waiver, TODAY, {}) == "accepted"
    assert verdict("0", waiver, date(2026, 6, 2), {}) == "expired"
    assert verdict("0", {}, TODAY, {"sysctl": "a container"}) == "not applicable"
    assert verdict("0", {}, TODAY, {key: "a container"}) == "not applicable"
    [failed] = judge([control], {}, {}, TODAY, {})
    assert failed.reason == "a is absent, should be 1"
