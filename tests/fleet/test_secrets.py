"""Keys and encrypted files, with the real sops and age."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from skerry.fleet import keys, metadata, scaffold, secrets, sops, sops_config
from skerry.fleet.lint import leaks
from skerry.local.paths import PROJECT
from skerry.model.errors import InputError
from tests.fleet.conftest import PLAINTEXT, SECRET

FILE = "apps/production/nginx/password.sops.yaml"


def leaked(folder: Path, text: str = PLAINTEXT) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


def plaintext(fleet: Path, cluster: str) -> str:
    file = keys.path(fleet, metadata.load(fleet), cluster)
    return sops.decrypt(fleet, fleet / FILE, keys.read(file))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[set[str]]:
    """The command lines of all processes during the test, and the files that held plaintext."""
    lines: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    lines.add(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue
            lines.update(str(file) for file in leaked(tmp_path))
            time.sleep(0.01)

    thread = threading.Thread(target=watch)
    thread.start()
    yield lines
    done.set()
    thread.join()


def test_keys_are_private_outside_the_repository_and_made_once(fleet: Path, tmp_path: Path) -> None:
    folder = tmp_path / "keys" / "fleet"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {
        "production.agekey": 0o600,
        "staging.agekey": 0o600,
    }
    before = {file: file.read_text() for file in folder.iterdir()}
    # The recovery key is offline; its public part is in .sops.yaml.
    outcome = keys.init(fleet)
    assert (outcome.created, outcome.changed) == ([], False)
    assert {file: file.read_text() for file in folder.iterdir()} == before


def test_keys_inside_a_git_work_tree_are_refused(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKERRY_KEYS", str(fleet / "keys"))
    with pytest.raises(InputError, match="is inside the Git work tree"):
        keys.init(fleet)


def test_a_recovery_key_that_is_already_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKERRY_KEYS", str(tmp_path / "keys"))
    scaffold.init(tmp_path / "new", "1.36", "2.9.4", "")
    [public] = sops.public_keys(sops.new_key())
    assert keys.init(tmp_path / "new", public).created == ["production", "staging"]
    rules = sops_config.load(tmp_path / "new")["creation_rules"]
    assert [rule["age"][-1] for rule in rules] == [public] * 3
    with pytest.raises(InputError, match="takes an age public key"):
        keys.init(tmp_path / "new", "age1nonsense")


def test_only_the_cluster_itself_and_recovery_can_read(fleet: Path) -> None:
    assert PLAINTEXT in plaintext(fleet, "production")
    with pytest.raises(InputError, match="no key on this machine can decrypt it"):
        plaintext(fleet, "staging")
    shared = fleet / "infrastructure" / "configs" / "token.sops.yaml"
    secrets.encrypt(shared, SECRET)
    [source] = [
        source for source in secrets.encrypted_files(fleet) if source.path.startswith("infrastructure")
    ]
    assert len(leaks.recipients(source)) == 3


def test_encrypting_leaves_no_plaintext_on_disk_or_in_argv(
    fleet: Path, tmp_path: Path, watched: set[str]
) -> None:
    path = fleet / "apps" / "staging" / "nginx" / "password.sops.yaml"
    command = [sys.executable, "-m", "invoke", "secrets-encrypt", str(path)]
    done = subprocess.run(command, cwd=PROJECT, input=SECRET, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert any("sops" in line for line in watched)
    assert [line for line in watched if PLAINTEXT in line or str(tmp_path) == line] == []
    assert leaked(tmp_path) == []
    assert PLAINTEXT not in done.stdout + done.stderr


def test_a_plaintext_file_is_encrypted_in_place(fleet: Path) -> None:
    path = fleet / "apps" / "staging" / "nginx" / "password.sops.yaml"
    path.write_text(SECRET)
    secrets.encrypt(path, "")
    assert leaked(fleet) == []
    assert yaml.safe_load(path.read_text())["sops"]["mac"].startswith("ENC[")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        (FILE, SECRET, "exists; change it with"),
        ("apps/staging/nginx/secret.yaml", SECRET, "has no key for it"),
        ("apps/staging/nginx/a.sops.yaml", "", "nothing to encrypt"),
        (
            "apps/staging/nginx/a.sops.yaml",
            "kind: ConfigMap\nmetadata: {name: x}\n",
            "is ConfigMap, not a Secret with a name",
        ),
        ("apps/staging/nginx/a.sops.yaml", "kind: Secret\nmetadata: [\n", r"a.sops.yaml:3: is not YAML"),
    ],
)
def test_bad_input_writes_nothing(fleet: Path, name: str, text: str, why: str) -> None:
    before = (fleet / name).read_text() if (fleet / name).exists() else None
    with pytest.raises(InputError, match=why) as refusal:
        secrets.encrypt(fleet / name, text)
    assert "\n" not in str(refusal.value)
    assert ((fleet / name).read_text() if (fleet / name).exists() else None) == before


def test_editing_happens_in_memory_and_replaces_the_file_at_once(
    fleet: Path, tmp_path: Path, watched: set[str]
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "$1" > "$0.saw"; sleep 0.2; sed -i s/hunter2/hunter3/ "$1"\n')
    editor.chmod(0o755)
    assert secrets.edit(fleet / FILE, {"EDITOR": str(editor)})
    assert "hunter3-plain" in plaintext(fleet, "production")
    assert (tmp_path / "editor.saw").read_text().startswith("/dev/shm/skerry-")
    assert [line for line in watched if PLAINTEXT in line or line.startswith(str(fleet))] == []
    assert not list(Path("/dev/shm").glob("skerry-*/*password*"))
    text = (fleet / FILE).read_text()
    assert not secrets.edit(fleet / FILE, {"EDITOR": "true"})
    assert (fleet / FILE).read_text() == text


def test_rotation_changes_recipients_and_data_key_of_the_whole_tree(fleet: Path) -> None:
    secrets.encrypt(fleet / "infrastructure" / "configs" / "token.sops.yaml", SECRET)
    new_key = sops.new_key()
    config = sops_config.load(fleet)
    for rule in config["creation_rules"]:
        rule["age"] = [*rule["age"], *sops.public_keys(new_key)]
    sops_config.save(fleet, config)
    assert [line.partition("; ")[0] for line in secrets.check(fleet)] == [
        f"{name}: is encrypted for other keys than .sops.yaml says"
        for name in (FILE, "infrastructure/configs/token.sops.yaml")
    ]
    with pytest.raises(InputError):
        sops.decrypt(fleet, fleet / FILE, new_key)
    before = yaml.safe_load((fleet / FILE).read_text())["stringData"]["password"]
    assert secrets.rotate(fleet) == [FILE, "infrastructure/configs/token.sops.yaml"]
    assert PLAINTEXT in sops.decrypt(fleet, fleet / FILE, new_key)
    assert yaml.safe_load((fleet / FILE).read_text())["stringData"]["password"] != before
    assert secrets.check(fleet) == []


def test_rotation_without_the_keys_changes_no_file(fleet: Path, tmp_path: Path) -> None:
    secrets.encrypt(fleet / "apps" / "staging" / "nginx" / "a.sops.yaml", SECRET)
    (tmp_path / "keys" / "fleet" / "staging.agekey").unlink()
    before = {file: file.read_text() for file in fleet.rglob("*.sops.yaml")}
    with pytest.raises(InputError, match="no file was changed"):
        secrets.rotate(fleet)
    assert {file: file.read_text() for file in fleet.rglob("*.sops.yaml")} == before


def test_check_finds_what_is_wrong_with_keys_and_files(fleet: Path, tmp_path: Path) -> None:
    assert secrets.check(fleet) == []
    key = tmp_path / "keys" / "fleet" / "staging.agekey"
    key.chmod(0o644)
    (tmp_path / "keys" / "fleet" / "recovery.agekey").write_text(sops.new_key())
    text = (fleet / FILE).read_text()
    (fleet / FILE).write_text(
        text.replace("password: ENC[AES256_GCM,data:", "password: ENC[AES256_GCM,data:AAAA")
    )
    (fleet / "apps" / "base" / "nginx" / "secret.yaml").write_text(SECRET)
    problems = [line.removeprefix(f"{tmp_path}/") for line in secrets.check(fleet)]
    assert [line for line in problems if "other users may read it (mode 644); run chmod 600" in line]
    assert [line for line in problems if "recovery key is still on this machine" in line]
    assert [line for line in problems if line.startswith(f"{FILE}: the key of production: ")]
    assert [line for line in problems if line.startswith("apps/base/nginx/secret.yaml:4: Secret nginx has")]


def test_a_lost_key_is_not_silently_replaced(fleet: Path, tmp_path: Path) -> None:
    (tmp_path / "keys" / "fleet" / "production.agekey").unlink()
    with pytest.raises(InputError, match=r"is missing, but \.sops\.yaml has recipients for production"):
        keys.init(fleet)
    assert not (tmp_path / "keys" / "fleet" / "production.agekey").exists()


def test_a_new_cluster_gets_its_own_key_and_shared_files_need_rotation(fleet: Path) -> None:
    shared = fleet / "infrastructure" / "configs" / "token.sops.yaml"
    secrets.encrypt(shared, SECRET)
    scaffold.add_cluster(fleet, "oslo", "production")
    assert keys.init(fleet).created == ["oslo"]
    assert [line.partition(":")[0] for line in secrets.check(fleet)] == [
        "infrastructure/configs/token.sops.yaml"
    ]
    secrets.rotate(fleet)
    assert secrets.check(fleet) == []
