"""Where artifacts come from, and that nothing without its checksum is ever used; against a local HTTP mirror."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from skerry.commands.hosts.artifacts import fetch_all, lock_all
from skerry.local.artifacts import checksum, sources
from skerry.local.http_client import Unreachable
from skerry.model.artifacts import k3s_artifacts
from skerry.model.errors import InputError
from skerry.operations.artifact import require_checksum
from skerry.operations.errors import BadInput
from tests.unit.conftest import MakeSettings

VERSION = "v1.36.3+k3s1"
FILES = {"k3s": b"binary", "k3s-airgap-images-amd64.tar.zst": b"images"}
SUMS = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
SUMS_TEXT = "".join(f"{sha256}  {name}\n" for name, sha256 in SUMS.items())
BINARY = k3s_artifacts(VERSION, "amd64", images=False)[0]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A mirror's URL and the folder of our version in it."""
    folder = tmp_path / "mirror" / VERSION
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (folder / "sha256sum-amd64.txt").write_text(SUMS_TEXT)
    handler = functools.partial(Quiet, directory=str(folder.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


@pytest.fixture
def make(make_settings: MakeSettings, tmp_path: Path) -> MakeSettings:
    """make(**changes) gives settings with an air-gap folder and a lock of the test."""
    return functools.partial(
        make_settings, artifact_folder=str(tmp_path / "folder"), artifact_lock=str(tmp_path / "lock.yaml")
    )


def fill(folder: Path, **changed: bytes) -> Path:
    release = folder / "k3s" / VERSION
    release.mkdir(parents=True)
    (release / "k3s").write_bytes(changed.get("k3s", FILES["k3s"]))
    (release / "sha256sum-amd64.txt").write_text(SUMS_TEXT)
    return release / "k3s"


def test_the_air_gap_folder_comes_first(make: MakeSettings, mirror: tuple[str, Path], tmp_path: Path) -> None:
    local = fill(tmp_path / "folder")
    source = sources(make(artifact_mirror=mirror[0]), "amd64")["k3s"]
    assert (source.location, source.sha256) == (local, SUMS["k3s"])


def test_then_the_mirror_and_the_checksum_enters_the_lock(
    make: MakeSettings, mirror: tuple[str, Path], tmp_path: Path
) -> None:
    settings = make(artifact_mirror=mirror[0])
    assert sources(settings, "amd64")["k3s"].location == f"{mirror[0]}/v1.36.3%2Bk3s1/k3s"
    assert SUMS["k3s"] in (tmp_path / "lock.yaml").read_text()


def test_a_later_run_holds_to_the_lock_whatever_is_published(
    make: MakeSettings, mirror: tuple[str, Path]
) -> None:
    settings = make(artifact_mirror=mirror[0])
    assert checksum(BINARY, settings) == SUMS["k3s"]
    (mirror[1] / "sha256sum-amd64.txt").write_text(f"{'0' * 64}  k3s\n")
    assert checksum(BINARY, settings) == SUMS["k3s"]


def test_a_damaged_file_in_the_folder_is_refused(make: MakeSettings, tmp_path: Path) -> None:
    fill(tmp_path / "folder", k3s=b"tampered")
    source = sources(make(), "amd64")["k3s"]
    assert isinstance(source.location, Path)
    with pytest.raises(BadInput, match="does not have the checksum"):
        require_checksum(source.location, source.sha256)


def test_a_file_that_must_be_pushed_and_is_not_there_is_told_with_the_remedy(
    make: MakeSettings, tmp_path: Path
) -> None:
    fill(tmp_path / "folder").unlink()
    with pytest.raises(InputError, match=r"k3s is missing; run `invoke artifacts-fetch`"):
        sources(make(artifact_delivery="push"), "amd64")


def test_an_unreachable_publisher_is_no_mistake_of_the_user(make: MakeSettings) -> None:
    with pytest.raises(Unreachable, match=r"http://127.0.0.1:9/.*cannot be reached"):
        sources(make(artifact_mirror="http://127.0.0.1:9"), "amd64")


def test_a_login_page_instead_of_checksums_is_refused(make: MakeSettings, mirror: tuple[str, Path]) -> None:
    (mirror[1] / "sha256sum-amd64.txt").write_text("<html>please log in</html>")
    with pytest.raises(InputError, match="look at what its URL returns"):
        sources(make(artifact_mirror=mirror[0]), "amd64")


def test_fetching_fills_the_folder_so_that_it_can_be_pushed(
    make: MakeSettings, mirror: tuple[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_all(make(artifact_mirror=mirror[0]), "amd64")
    pushed = sources(make(artifact_delivery="push", k3s_airgap_images=True), "amd64")
    assert {name: Path(source.location).read_bytes() for name, source in pushed.items()} == FILES
    fetch_all(make(artifact_mirror=mirror[0]), "amd64")
    assert capsys.readouterr().out.count("in place") == len(FILES)


def test_locking_records_the_checksums_of_both_architectures(
    make: MakeSettings, mirror: tuple[str, Path], tmp_path: Path
) -> None:
    for arch in ("amd64", "arm64"):
        names = (artifact.filename for artifact in k3s_artifacts(VERSION, arch, images=True))
        sums = "".join(f"{'a' * 64}  {name}\n" for name in names)
        (mirror[1] / f"sha256sum-{arch}.txt").write_text(sums)
    lock_all(make(artifact_mirror=mirror[0]))
    text = (tmp_path / "lock.yaml").read_text()
    assert [text.count(name) for name in ("k3s-airgap-images-amd64", "k3s-airgap-images-arm64")] == [1, 1]


def test_fetching_a_tampered_file_leaves_nothing(
    make: MakeSettings, mirror: tuple[str, Path], tmp_path: Path
) -> None:
    (mirror[1] / "k3s").write_bytes(b"tampered")
    with pytest.raises(InputError, match="it was deleted"):
        fetch_all(make(artifact_mirror=mirror[0]), "amd64")
    left = [path.name for path in (tmp_path / "folder").rglob("*") if path.is_file()]
    assert left == ["sha256sum-amd64.txt"]
