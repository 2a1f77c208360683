"""Backups: only its keys open an archive, damage is detected, and a wrong restore is refused."""

from __future__ import annotations

import io
import json
import subprocess
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from skerry.commands.cluster import archive, backup
from skerry.fleet import sops
from skerry.model.errors import InputError
from skerry.model.k3s.backup import (
    DATASTORE,
    MANIFEST,
    Manifest,
    archive_name,
    check_restore,
    parse,
    restored_file,
)

CONTENT = b"everything that etcd knows\n" * 50_000
MANIFEST_OF = Manifest(
    cluster="oslo",
    authority="a" * 64,
    created="2026-11-23T06:55:00Z",
    k3s_version="v1.34.3+k3s1",
    datastore="etcd",
    server="oslo1",
    files={DATASTORE: sha256(CONTENT).hexdigest()},
)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "own.agekey"
    path.write_text(sops.new_key())
    path.chmod(0o600)
    return path


def seal(path: Path, key: Path, *others: Path, manifest: Manifest = MANIFEST_OF) -> None:
    recipients = [public for file in (key, *others) for public in sops.public_keys(file.read_text())]
    text = manifest.to_json().encode()
    with archive.sealed(path, recipients) as tar:
        archive.add(tar, MANIFEST, len(text), io.BytesIO(text), sha256(text).hexdigest())
        archive.add(tar, DATASTORE, len(CONTENT), io.BytesIO(CONTENT), sha256(CONTENT).hexdigest())


def test_an_archive_is_read_back_and_leaves_no_plaintext(tmp_path: Path, key: Path) -> None:
    path = tmp_path / "archives" / archive_name("oslo", MANIFEST_OF.created)
    seal(path, key)
    assert path.name == "oslo-20261123T065500Z.tar.age"
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert CONTENT[:27] not in path.read_bytes()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert archive.check(path, key) == MANIFEST_OF
    with archive.opened(path, key) as (manifest, files):
        assert manifest == MANIFEST_OF
        assert [(name, stream.read()) for name, stream in files] == [(DATASTORE, CONTENT)]


def test_only_recipients_open_an_archive(tmp_path: Path, key: Path) -> None:
    other, stranger = tmp_path / "other", tmp_path / "stranger"
    for file in (other, stranger):
        file.write_text(sops.new_key())
    path = tmp_path / "archive"
    seal(path, key, other)
    assert archive.check(path, other) == MANIFEST_OF
    with pytest.raises(InputError, match=r"stranger does not open it; name the right one with --key"):
        archive.check(path, stranger)
    stranger.write_text("no key at all\n")
    with pytest.raises(InputError, match=r"stranger is no age key"):
        archive.check(path, stranger)


@pytest.mark.parametrize("at", [300, 400_000, -5])
def test_a_damaged_archive_is_refused(tmp_path: Path, key: Path, at: int) -> None:
    path = tmp_path / "archive"
    seal(path, key)
    archive.record(path)
    archive.check_record(path)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        archive.check(path, key)
    with pytest.raises(InputError, match=r"does not have the checksum in archive\.sha256"):
        archive.check_record(path)


def test_a_truncated_archive_is_refused(tmp_path: Path, key: Path) -> None:
    path = tmp_path / "archive"
    seal(path, key)
    path.write_bytes(path.read_bytes()[:-100_000])
    with pytest.raises(InputError, match="is damaged"):
        archive.check(path, key)


def test_sha256sum_reads_the_checksum_file(tmp_path: Path, key: Path) -> None:
    path = tmp_path / "archive"
    seal(path, key)
    archive.record(path)
    subprocess.run(["sha256sum", "--check", "archive.sha256"], cwd=tmp_path, check=True, capture_output=True)


def test_a_file_with_a_wrong_size_or_checksum_leaves_no_archive(tmp_path: Path, key: Path) -> None:
    path, recipients = tmp_path / "archives" / "archive", sops.public_keys(key.read_text())
    for size, digest in ((len(CONTENT), "0" * 64), (len(CONTENT) + 1, sha256(CONTENT).hexdigest())):
        with pytest.raises(RuntimeError, match="nothing was kept"), archive.sealed(path, recipients) as tar:
            archive.add(tar, DATASTORE, size, io.BytesIO(CONTENT), digest)
        assert list(path.parent.iterdir()) == []


def test_a_recipient_that_age_refuses_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="could not be encrypted"),
        archive.sealed(tmp_path / "archive", ["age1" + "q" * 58]) as tar,
    ):
        archive.add(tar, DATASTORE, len(CONTENT), io.BytesIO(CONTENT), sha256(CONTENT).hexdigest())
    assert not (tmp_path / "archive").exists()


def test_files_that_differ_from_the_manifest_are_refused(tmp_path: Path, key: Path) -> None:
    path = tmp_path / "archive"
    seal(path, key, manifest=replace(MANIFEST_OF, files={DATASTORE: "0" * 64}))
    with pytest.raises(InputError, match="not those of its manifest"):
        archive.check(path, key)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", json.dumps({**json.loads(MANIFEST_OF.to_json()), "format": 2})]
)
def test_an_unknown_manifest_is_refused(text: str) -> None:
    assert parse(MANIFEST_OF.to_json()) == MANIFEST_OF
    with pytest.raises(InputError, match="no manifest that this version"):
        parse(text)


def judge(**changes: object) -> None:
    asked = {
        "cluster": "oslo", "version": "v1.34.3+k3s1", "datastore": "etcd",
        "authorities": {"oslo1": "", "oslo2": "a" * 64}, "answering": "", "overwrite": False,
    }  # fmt: skip
    check_restore(MANIFEST_OF, **{**asked, **changes})  # type: ignore[arg-type]


def test_a_restore_is_allowed_on_the_same_hosts_on_new_ones_and_with_the_next_minor() -> None:
    judge()
    judge(version="v1.35.0+k3s1")
    judge(answering="oslo2", overwrite=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cluster": "bergen"}, "is of cluster oslo, but this inventory is of bergen"),
        ({"datastore": "sqlite"}, "contains etcd, but k3s_datastore is sqlite"),
        ({"version": "v1.34.2+k3s1"}, r"v1.34.3\+k3s1, newer than k3s_version v1.34.2"),
        ({"version": "v1.36.0+k3s1"}, "skips a minor"),
        ({"authorities": {"oslo1": "", "oslo2": "b" * 64}}, "oslo2: belongs to another cluster"),
        ({"answering": "oslo2"}, r"\(oslo2 answers\) .* add --overwrite"),
    ],
)
def test_a_forbidden_restore_is_one_line(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        judge(**changes)
    assert "\n" not in str(caught.value)


def test_files_go_only_where_k3s_reads_them() -> None:
    assert restored_file("server/tls/etcd/peer-ca.key") == (
        "/var/lib/rancher/k3s/server/tls/etcd/peer-ca.key",
        "600",
    )
    assert restored_file("server/tls/server-ca.crt") == (
        "/var/lib/rancher/k3s/server/tls/server-ca.crt",
        "644",
    )
    assert restored_file("etc/agent-token") == ("/etc/rancher/k3s/agent-token", "600")
    for name in (
        "server/tls/../../../etc/shadow",
        "etc/shadow",
        "/etc/shadow",
        "server/db/x",
        "etc/config.yaml",
    ):
        assert restored_file(name) is None


def test_an_unknown_archive_lists_the_existing_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "BACKUPS", tmp_path / "backups")
    with pytest.raises(InputError, match=r"latest: there is no such archive; .*: none"):
        backup.find("oslo", "latest")
    folder = tmp_path / "backups" / "oslo"
    folder.mkdir(parents=True)
    for name in ("oslo-1.tar.age", "oslo-2.tar.age", "oslo-2.tar.age.sha256"):
        (folder / name).touch()
    assert backup.find("oslo", "latest") == folder / "oslo-2.tar.age"
    assert backup.find("oslo", "oslo-1.tar.age") == folder / "oslo-1.tar.age"
    with pytest.raises(
        InputError, match=r"oslo-3: there is no such archive; in .*: oslo-1\.tar\.age, oslo-2\.tar\.age$"
    ):
        backup.find("oslo", "oslo-3")
