"""Artifacts: where they are, and checksums that must match from the first download on."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.model.artifact_lock import Lock, parse_checksums, published_checksum
from skerry.model.artifacts import TABLE, Artifact, k3s_artifacts, locations, pinned_artifact
from skerry.model.errors import InputError

VERSION = "v1.36.3+k3s1"
RELEASE = "https://github.com/k3s-io/k3s/releases/download/v1.36.3%2Bk3s1"
A, B = "a" * 64, "0" * 64
BINARY = Artifact("k3s", VERSION, "amd64", "k3s", f"{RELEASE}/k3s", f"{RELEASE}/sha256sum-amd64.txt")

NAMES = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
ARTIFACTS = st.builds(Artifact, NAMES, NAMES, NAMES, NAMES, st.just(""), st.just(""))


def test_the_k3s_binary() -> None:
    assert k3s_artifacts(VERSION, "amd64", images=False) == [BINARY]


def test_the_binary_and_the_images_for_arm() -> None:
    binary, images = k3s_artifacts(VERSION, "arm64", images=True)
    assert binary.url == f"{RELEASE}/k3s-arm64"
    assert images.url == f"{RELEASE}/k3s-airgap-images-arm64.tar.zst"
    assert binary.checksums_url == images.checksums_url == f"{RELEASE}/sha256sum-arm64.txt"
    assert (images.name, images.filename) == ("k3s", "k3s-airgap-images-arm64.tar.zst")


@pytest.mark.parametrize(
    ("name", "url", "checksums"),
    [
        (
            "flux",
            "https://github.com/fluxcd/flux2/releases/download/v2.9.4/flux_2.9.4_linux_arm64.tar.gz",
            "flux_2.9.4_checksums.txt",
        ),
        (
            "sops",
            "https://github.com/getsops/sops/releases/download/v3.13.2/sops-v3.13.2.linux.arm64",
            "sops-v3.13.2.checksums.txt",
        ),
    ],
)
def test_the_pinned_tools(name: str, url: str, checksums: str) -> None:
    tool = pinned_artifact(name, "arm64")
    assert tool.url == url
    assert tool.checksums_url == f"{url.rpartition('/')[0]}/{checksums}"


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_no_checksum_is_invented_and_no_template_left_open(name: str, arch: str) -> None:
    artifact = TABLE[name].artifact("1.2.3", arch)
    assert artifact.sha256 is None
    assert "{" not in f"{artifact.filename}{artifact.url}{artifact.checksums_url}"


@pytest.mark.parametrize("arch", ["x86_64", "armhf", ""])
def test_another_architecture_is_refused(arch: str) -> None:
    with pytest.raises(InputError) as caught:
        k3s_artifacts(VERSION, arch, images=False)
    assert str(caught.value) == f"no k3s for {arch!r}; use a host of amd64 or arm64"


def test_the_air_gap_folder_comes_first_then_the_mirror_then_the_release() -> None:
    assert locations(BINARY, Path("/srv/artifacts"), "https://mirror.example/k3s") == [
        "/srv/artifacts/k3s/v1.36.3+k3s1/k3s",
        "https://mirror.example/k3s/v1.36.3%2Bk3s1/k3s",
        f"{RELEASE}/k3s",
    ]


def test_without_a_mirror_there_are_two_places() -> None:
    assert locations(BINARY, Path("artifacts"), "") == ["artifacts/k3s/v1.36.3+k3s1/k3s", f"{RELEASE}/k3s"]


def test_checksum_files_in_all_their_forms() -> None:
    text = f"{A}  k3s\n{B} *images.tar.zst\r\n\n{A.upper()}  ./dist/with space\n"
    assert parse_checksums(text) == {"k3s": A, "images.tar.zst": B, "with space": A}


@pytest.mark.parametrize("text", ["<html>login</html>", f"{A[:-1]}  k3s", f"{A}k3s", A, f"{A} *"])
def test_what_is_not_a_checksum_file_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_checksums(f"{B}  first\n{text}\n")
    assert str(caught.value) == (
        "line 2 of the checksum file is not 'sha256  name'; look at what its URL returns"
    )


def test_two_checksums_for_one_name_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        parse_checksums(f"{A}  a/k3s\n{A}  b/k3s\n{B}  c/k3s\n")
    assert str(caught.value) == (
        "line 3 of the checksum file contains another checksum of 'k3s'; do not trust it"
    )


def test_the_publishers_checksum_is_found_by_file_name() -> None:
    assert published_checksum(BINARY, f"{B}  k3s-arm64\n{A}  k3s\n") == A


def test_a_checksum_the_publisher_does_not_give_is_missed() -> None:
    with pytest.raises(InputError) as caught:
        published_checksum(BINARY, f"{B}  k3s-arm64\n")
    assert (
        str(caught.value) == f"{RELEASE}/sha256sum-amd64.txt contains no checksum of k3s; check the version"
    )


def test_the_lock_reads_well_and_is_sorted() -> None:
    arm = k3s_artifacts(VERSION, "arm64", images=False)[0]
    lock = Lock.empty().add(pinned_artifact("sops", "amd64"), A).add(arm, B).add(BINARY, A)
    assert lock.render() == (
        "# Written by Skerry; commit it: later downloads must match these checksums\n"
        "k3s:\n"
        "  v1.36.3+k3s1:\n"
        "    amd64:\n"
        f"      k3s: {A}\n"
        "    arm64:\n"
        f'      k3s-arm64: "{B}"\n'
        "sops:\n"
        '  "3.13.2":\n'
        "    amd64:\n"
        f"      sops-v3.13.2.linux.amd64: {A}\n"
    )


@given(st.lists(st.tuples(ARTIFACTS, HEX), unique_by=lambda entry: entry[0]))
def test_a_lock_reads_back(entries: list[tuple[Artifact, str]]) -> None:
    lock = Lock.empty()
    for artifact, sha256 in entries:
        lock = lock.add(artifact, sha256)
    again = Lock.parse(lock.render())
    assert again == lock
    assert all(again.get(artifact) == sha256 for artifact, sha256 in entries)


def test_what_is_not_in_the_lock_has_no_checksum_yet() -> None:
    assert Lock.parse("").get(BINARY) is None


def test_adding_the_same_checksum_again_changes_nothing() -> None:
    lock = Lock.empty().add(BINARY, A)
    assert lock.add(BINARY, A) == lock


def test_adding_leaves_the_lock_at_hand_as_it_was() -> None:
    lock = Lock.empty()
    lock.add(BINARY, A)
    assert lock.get(BINARY) is None


def test_another_checksum_for_a_locked_artifact_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        Lock.empty().add(BINARY, A).add(BINARY, B)
    assert str(caught.value) == (
        f"checksum of k3s v1.36.3+k3s1 amd64 k3s differs from artifacts.lock.yaml: was {A}, is {B}; "
        "if the publisher really replaced the file, remove the entry"
    )


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("k3s: [", "the file"),
        ("just words", "the file"),
        ("k3s: {v1: {amd64: {k3s: abc}}}", "k3s v1 amd64 k3s"),
        (f"k3s: {{v1: {{amd64: {A}}}}}", "k3s v1 amd64"),
        (f"k3s: {{v1: {{amd64: {{k3s: {'1' * 64}, b: {A[1:]}}}}}}}", "k3s v1 amd64 b"),
    ],
)
def test_a_damaged_lock_is_refused(text: str, entry: str) -> None:
    with pytest.raises(InputError) as caught:
        Lock.parse(text)
    assert str(caught.value) == (
        f"artifacts.lock.yaml: {entry} contains no checksum; restore the file from Git"
    )
