from __future__ import annotations

import pytest

from skerry.lab import os_release
from skerry.lab.host import LabError


@pytest.mark.parametrize(
    ("built", "reachable", "expected"),
    [
        (["bullseye"], True, "bullseye"),
        (["bullseye", "focal"], False, "focal"),
        ([], True, "focal"),
        ([], False, "bullseye"),
    ],
)
def test_hosts_run_the_release_of_an_existing_image_else_ubuntu_else_debian(
    built: list[str], reachable: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SKERRY_LAB_RELEASE", raising=False)
    assert os_release.choose(built, lambda _: reachable)[0].name == expected


def test_an_unknown_release_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKERRY_LAB_RELEASE", "warty")
    with pytest.raises(LabError, match="choose one of focal, jammy, noble, bullseye, bookworm"):
        os_release.choose([], lambda _: True)
