"""From which version one may go to which, in which batches, and what preflight says to a run that would go wrong."""

from __future__ import annotations

import pytest

from skerry.model.errors import InputError
from skerry.model.k3s.upgrade import batches, check_upgrade, needs_snapshot
from skerry.model.k3s.versions import K3sVersion

OURS = {"a", "b", "c"}


def versions(**running: str) -> dict[str, K3sVersion]:
    return {node: K3sVersion.parse(f"v1.{text}+k3s1") for node, text in running.items()}


def judge(to: str, **running: str) -> None:
    check_upgrade(K3sVersion.parse(f"v1.{to}+k3s1"), versions(**running), OURS)


def test_a_patch_and_the_next_minor_are_taken_also_when_a_call_before_was_cut_off() -> None:
    judge("34.4", a="34.3", b="34.3", c="34.3")
    judge("35.0", a="34.3", b="34.3", c="34.3")
    judge("35.0", a="35.0", b="35.0", c="34.3")
    judge("35.0", a="35.0", b="35.0", c="35.0")


@pytest.mark.parametrize(
    ("to", "running", "words"),
    [
        (
            "34.2",
            {"a": "34.2", "b": "34.3"},
            r"b runs v1\.34\.3\+k3s1, v1\.34\.2\+k3s1 is older; `invoke rollback`",
        ),
        (
            "36.0",
            {"a": "35.9", "b": "34.3"},
            r"b runs v1\.34\.3\+k3s1, .* skips a minor; upgrade to a release of v1\.35 first",
        ),
        (
            "35.0",
            {"a": "34.3", "far": "31.9"},
            "far is not in the inventory and runs .* more than 3 minors behind",
        ),
        ("27.0", {"a": "26.3", "far": "24.9"}, "more than 2 minors behind"),
        ("35.0", {"far": "34.0"}, "none of the inventory's hosts"),
    ],
)
def test_what_must_not_be_done_is_one_line(to: str, running: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        judge(to, **running)
    assert "\n" not in str(caught.value)


def test_a_kubelet_of_a_stranger_may_lag_as_far_as_kubernetes_allows() -> None:
    judge("35.0", a="34.3", far="32.0")
    judge("27.0", a="26.3", far="25.0")


def test_only_another_minor_takes_the_datastore_of_then() -> None:
    before, patch, minor = (K3sVersion.parse(f"v1.{text}+k3s1") for text in ("34.3", "34.4", "35.0"))
    assert not needs_snapshot(patch, before)
    assert needs_snapshot(minor, before)


def test_agents_go_in_batches_of_at_least_one() -> None:
    assert batches(["a", "b", "c"], 10) == [["a"], ["b"], ["c"]]
    assert batches([str(number) for number in range(25)], 10)[0] == ["0", "1"]
    assert [len(batch) for batch in batches([str(number) for number in range(25)], 40)] == [10, 10, 5]
    assert batches(["a", "b"], 100) == [["a", "b"]]
    assert batches([], 10) == []
