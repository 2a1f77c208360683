"""Flux's settings, the Kubernetes versions it supports, and the identity of a repository."""

from __future__ import annotations

import pytest

from skerry.model.errors import InputError
from skerry.model.flux import check_versions, repository_id
from tests.unit.conftest import MakeSettings

AT_GITHUB = {"flux_forge": "github", "flux_repository": "org/fleet", "flux_path": "clusters/production"}


@pytest.mark.parametrize(
    "url",
    ["https://github.com/Org/fleet.git", "ssh://git@github.com/org/fleet", "git@github.com:org/fleet.git", "ssh://git@github.com:22/org/fleet/"],
)  # fmt: skip
def test_all_urls_of_a_repository_have_one_id(url: str) -> None:
    assert repository_id(url) == "github.com/org/fleet"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"flux_repository": ""}, "flux_repository: is empty, but flux_forge is 'github'"),
        ({"flux_repository": "ssh://git@github.com/org/fleet"}, "does not go with flux_forge 'github'"),
        ({"flux_path": ""}, "flux_path: is empty"),
        ({"flux_path": "../x"}, "is not a cluster's folder"),
        ({"flux_path": "clusters/Production"}, "is not a cluster's folder"),
        ({"flux_branch": "a..b"}, "is not the name of a branch"),
        ({"flux_forge": "git"}, "does not go with flux_forge 'git'"),
        ({"flux_repository": "https://me:secret@github.com/org/fleet"}, "contains a password; remove it"),
    ],
)
def test_settings_are_refused_in_one_line(
    make_settings: MakeSettings, changes: dict[str, str], why: str
) -> None:
    with pytest.raises(InputError, match=why) as refusal:
        make_settings(**{**AT_GITHUB, **changes})
    assert "secret" not in str(refusal.value)


def test_the_version_matrix() -> None:
    check_versions("2.9.4", (1, 36))
    with pytest.raises(
        InputError, match=r"supports Kubernetes 1.33 to 1.35, the cluster runs 1.36; use Flux 2.9"
    ):
        check_versions("2.8.1", (1, 36))
    with pytest.raises(InputError, match="choose another k3s_version"):
        check_versions("2.9.4", (1, 22))
    with pytest.raises(InputError, match=r"outside the known versions 2.5 to 2.9"):
        check_versions("3.0.0", (1, 36))
