"""K3s versions and what depends on them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.model.errors import InputError
from skerry.model.k3s.versions import (
    FIRST_RELEASES,
    K3sVersion,
    accepts_cgroup_v1,
    check_known,
    check_supports,
)

NUMBER = st.integers(min_value=0, max_value=999)
VERSIONS = st.builds(K3sVersion, NUMBER, NUMBER, NUMBER, NUMBER)


@given(VERSIONS)
def test_a_version_reads_back(version: K3sVersion) -> None:
    assert K3sVersion.parse(str(version)) == version


@pytest.mark.parametrize(
    "text", ["", "1.36.3+k3s1", "v1.36.3", "v1.36.3-k3s1", "v1.36+k3s1", "v1.36.3+k3s1\n", "stable"]
)
def test_another_form_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError) as caught:
        K3sVersion.parse(text)
    assert str(caught.value) == f"{text!r} is not a K3s version; write it as 'v1.36.3+k3s1'"


def test_a_pre_release_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        K3sVersion.parse("v1.37.0-rc1+k3s1")
    assert str(caught.value) == (
        "'v1.37.0-rc1+k3s1' is a pre-release; choose a release such as 'v1.36.3+k3s1'"
    )


def test_versions_are_ordered_by_number_not_by_text() -> None:
    texts = ["v1.9.10+k3s1", "v1.36.3+k3s1", "v1.36.3+k3s2", "v1.36.10+k3s1"]
    versions = [K3sVersion.parse(text) for text in texts]
    assert sorted(versions, reverse=True) == versions[::-1]


def test_the_minor_line_is_named_as_upstream_does() -> None:
    assert K3sVersion.parse("v1.36.3+k3s1").minor_line == "v1.36"


@pytest.mark.parametrize(
    ("text", "accepted"),
    [("v1.21.0+k3s1", True), ("v1.34.9+k3s1", True), ("v1.35.0+k3s1", False), ("v1.37.1+k3s1", False)],
)
def test_kubernetes_1_35_and_later_refuses_cgroup_v1(text: str, accepted: bool) -> None:
    assert accepts_cgroup_v1(K3sVersion.parse(text)) is accepted


@pytest.mark.parametrize("text", ["v1.21.0+k3s1", "v1.37.9+k3s4"])
def test_the_known_range_includes_its_ends(text: str) -> None:
    check_known(K3sVersion.parse(text))


@pytest.mark.parametrize("text", ["v1.20.15+k3s1", "v1.38.0+k3s1", "v2.30.0+k3s1"])
def test_an_unknown_minor_is_refused_and_the_file_to_extend_named(text: str) -> None:
    with pytest.raises(InputError) as caught:
        check_known(K3sVersion.parse(text))
    assert str(caught.value) == (
        f"K3s {text} is outside the known Kubernetes versions 1.21 to 1.37; "
        "choose one of these, or read its release notes and extend the range in skerry/model/k3s/versions.py"
    )


@pytest.mark.parametrize(
    "text", ["v1.23.15+k3s1", "v1.24.9+k3s1", "v1.24.10+k3s1", "v1.26.0+k3s1", "v1.36.3+k3s1"]
)
def test_a_feature_stays_from_its_first_release_in_each_line(text: str) -> None:
    check_supports(K3sVersion.parse(text), "prefer-bundled-bin")


@pytest.mark.parametrize("text", ["v1.22.17+k3s1", "v1.23.14+k3s1", "v1.24.8+k3s1", "v1.25.4+k3s9"])
def test_a_feature_is_refused_before_its_first_release_in_each_line(text: str) -> None:
    with pytest.raises(InputError) as caught:
        check_supports(K3sVersion.parse(text), "prefer-bundled-bin")
    assert str(caught.value) == (
        f"K3s {text} does not support 'prefer-bundled-bin', which came with v1.23.15+k3s1, v1.24.9+k3s1, "
        "v1.25.5+k3s1; leave it out, or raise k3s_version"
    )


@given(VERSIONS)
def test_what_is_not_in_the_table_is_supported_by_all(version: K3sVersion) -> None:
    check_supports(version, "debug")


@pytest.mark.parametrize("feature", FIRST_RELEASES)
def test_the_table_lists_consecutive_minor_lines_in_order(feature: str) -> None:
    """Newer than the last line means supported, so a gap would be read as "not supported"."""
    minors = [K3sVersion.parse(first).minor for first in FIRST_RELEASES[feature]]
    assert minors == list(range(minors[0], minors[0] + len(minors)))
