"""Encrypted Secrets in a fleet repository: encrypt, edit, rotate, check. Plaintext never reaches the repository."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from skerry.fleet import keys, metadata, sops, sops_config
from skerry.fleet.lint import leaks
from skerry.fleet.lint.documents import SourceFile, parse, read_repository
from skerry.fleet.metadata import FleetMetadata
from skerry.local.files import replace
from skerry.model.errors import InputError

CONCURRENCY = 4


def encrypt(path: Path, plaintext: str) -> None:
    """Write `plaintext` to `path`, encrypted; without plaintext, encrypt the file's content in place.

    Raises InputError, and writes nothing, if both exist or neither does, if a document is not a Secret with a name, or
    if .sops.yaml has no key for the path.
    """
    path = path.absolute()
    root = metadata.find_root(path.parent)
    present = path.read_text() if path.is_file() else ""
    if plaintext.strip() and present:
        raise InputError(f"{path}: exists; change it with `invoke secrets-edit`, or remove it first")
    if not (plaintext.strip() or present):
        raise InputError(f"{path}: nothing to encrypt; pipe the Secret's YAML into this command")
    text = plaintext if plaintext.strip() else present
    _check_plaintext(path, text)
    if not sops_config.recipients_for(sops_config.load(root), str(path.relative_to(root))):
        raise InputError(
            f"{path}: {sops_config.FILE} has no key for it; run `invoke secrets-init`, name the file *.sops.yaml, and "
            "put it below apps, infrastructure or clusters"
        )
    replace(path, _without_leaks(root, path, sops.encrypt(root, path, text)))


def _check_plaintext(path: Path, text: str) -> None:
    for document in parse(str(path), text):
        if leaks.is_encrypted(document.value):
            raise InputError(f"{path}: is encrypted already; use `invoke secrets-edit`")
        if document.kind != "Secret" or not document.name:
            raise InputError(
                f"{path}:{document.line}: is {document.kind or 'no manifest'}, not a Secret with a name; "
                "put it into a file of its own"
            )


def _without_leaks(root: Path, path: Path, ciphertext: str) -> str:
    """Returns the ciphertext. Raises RuntimeError if the leak checks find plaintext in it."""
    file = SourceFile(str(path.relative_to(root)), ciphertext, parse(str(path), ciphertext))
    if findings := list(leaks.check(file)):
        raise RuntimeError(f"{path}: sops left plaintext ({findings[0].problem}); nothing was written")
    return ciphertext


def edit(path: Path, editor: Mapping[str, str]) -> bool:
    """Edit an encrypted file with the editor that the environment variables `editor` name. Returns whether it changed.

    Raises InputError if the file does not exist, or if no key on this machine decrypts it.
    """
    path = path.absolute()
    root = metadata.find_root(path.parent)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; make it with `invoke secrets-encrypt`")
    private = keys.all_private(root, metadata.load(root))
    # Only to fail with a message: `sops.edit` leaves the terminal to sops.
    sops.decrypt(root, path, private)
    ciphertext = sops.edit(root, path, private, editor)
    if ciphertext is None:
        return False
    replace(path, _without_leaks(root, path, ciphertext))
    return True


def encrypted_files(root: Path) -> list[SourceFile]:
    """Every file of the repository with SOPS metadata."""
    return [file for file in read_repository(root) if leaks.has_encrypted(file)]


def rotate(root: Path) -> list[str]:
    """Encrypt every encrypted file with a new data key, for the recipients in .sops.yaml. Returns the files.

    sops works on a copy. Raises InputError if it fails for one file, and then changes none.
    """
    files = encrypted_files(root)
    private = keys.all_private(root, metadata.load(root))
    with tempfile.TemporaryDirectory(prefix="skerry-") as folder:
        copy = Path(folder)
        shutil.copyfile(root / sops_config.FILE, copy / sops_config.FILE)
        for file in files:
            (copy / file.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / file.path, copy / file.path)
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            ciphertexts = list(pool.map(lambda file: _rotated(copy, file.path, private), files))
    for file, ciphertext in zip(files, ciphertexts, strict=True):
        replace(root / file.path, _without_leaks(root, root / file.path, ciphertext))
    return [file.path for file in files]


def _rotated(copy: Path, name: str, private: str) -> str:
    for arguments in (("updatekeys", "--yes", name), ("rotate", "--in-place", name)):
        done = sops.run(copy, *arguments, keys=private)
        if done.returncode:
            raise InputError(f"{name}: {sops.explain(done, name)}; no file was changed")
    return (copy / name).read_text()


def check(root: Path) -> list[str]:
    """The problems of keys and encrypted files, one line each: "where: what is wrong; what to do"."""
    fleet, config = metadata.load(root), sops_config.load(root)
    problems = list(_check_keys(root, fleet, config))
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        for of_file in pool.map(
            lambda file: list(_check_file(root, fleet, config, file)), encrypted_files(root)
        ):
            problems += of_file
    for file in read_repository(root):
        problems += [str(finding) for finding in leaks.check(file)]
    return problems


def _check_keys(root: Path, fleet: FleetMetadata, config: dict[str, Any]) -> Iterator[str]:
    for name in fleet.clusters:
        file = keys.path(root, fleet, name)
        try:
            [public] = sops.public_keys(keys.read(file))
        except InputError as error:
            yield str(error)
            continue
        if public not in sops_config.recipients_for(config, f"clusters/{name}/x.sops.yaml"):
            yield f"{file}: is not among the recipients of {name} in {sops_config.FILE}; run `invoke secrets-init`"
    if (file := keys.path(root, fleet, keys.RECOVERY)).exists():
        yield f"{file}: the recovery key is still on this machine; keep it offline and delete it here"


def _check_file(root: Path, fleet: FleetMetadata, config: dict[str, Any], file: SourceFile) -> Iterator[str]:
    recipients = leaks.recipients(file)
    if recipients != set(sops_config.recipients_for(config, file.path)):
        yield f"{file.path}: is encrypted for other keys than {sops_config.FILE} says; run `invoke secrets-rotate`"
    for name in fleet.clusters:
        try:
            private = keys.read(keys.path(root, fleet, name))
            public = set(sops.public_keys(private))
        except InputError:
            # _check_keys reports it.
            continue
        if public & recipients:
            done = sops.run(root, "decrypt", file.path, keys=private)
            if done.returncode:
                yield f"{file.path}: the key of {name}: {sops.explain(done, file.path)}"
