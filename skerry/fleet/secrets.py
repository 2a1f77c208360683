"""Secrets that stay secret: encrypted before they reach the repository, checked, edited in memory, rotated."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from skerry.fleet import keys, record, sops
from skerry.fleet.lint import leaks
from skerry.fleet.lint.documents import Source, parse, read_repository
from skerry.local.files import replace
from skerry.model.errors import InputError

PARALLEL = 4


@dataclass
class Made:
    """What `init` did: keys made, where they lie, and whether .sops.yaml changed."""

    folder: Path
    created: list[str] = field(default_factory=list)
    changed: bool = False


def init(root: Path, recovery: str = "") -> Made:
    """A key for each cluster and one for recovery, and their public parts in .sops.yaml. What is there stays.

    `recovery` is the public part of a key that is offline already. Raises InputError.
    """
    entries = record.load(root)
    if recovery and not keys.RECIPIENT.fullmatch(recovery):
        raise InputError("--recovery takes an age public key, age1…; age-keygen -y shows it")
    made = Made(keys.folder(root, entries))
    config = keys.load_config(root)
    known = {
        each
        for rule in config["creation_rules"]
        for each in keys.recipients_for({"creation_rules": [{"age": rule.get("age")}]}, "")
    }
    public = {name: _own_key(root, entries, name, config, made) for name in entries.clusters}
    if not recovery:
        recovery = _recovery_key(root, entries, config, known - set(public.values()), made)
    wanted = keys.with_recipients(config, public, recovery)
    if wanted != config:
        keys.save_config(root, wanted)
        made.changed = True
    return made


def _own_key(root: Path, entries: record.Record, name: str, config: dict[str, object], made: Made) -> str:
    file = keys.path(root, entries, name)
    listed = keys.recipients_for(config, f"clusters/{name}/x.sops.yaml")
    if listed and not file.exists():
        raise InputError(
            f"{file}: is missing, but {keys.CONFIG} has recipients for {name}; restore the key from your backup, "
            "or remove that rule to begin with a new key"
        )
    if keys.create(file):
        made.created.append(name)
    [public] = sops.public_keys(keys.read(file))
    if listed and public not in listed:
        raise InputError(
            f"{file}: is {public}, which {keys.CONFIG} does not name for {name}; it is another repository's"
        )
    return public


def _recovery_key(
    root: Path, entries: record.Record, config: dict[str, object], others: set[str], made: Made
) -> str:
    """The recovery recipient: that of the key file while it is here, else the one .sops.yaml has."""
    file = keys.path(root, entries, keys.RECOVERY)
    shared = keys.recipients_for(config, "infrastructure/x.sops.yaml")
    if not file.exists() and (kept := [each for each in shared if each in others]):
        return kept[-1]
    if keys.create(file):
        made.created.append(keys.RECOVERY)
    return sops.public_keys(keys.read(file))[0]


def encrypt(path: Path, plaintext: str) -> None:
    """Write `path` encrypted; the plaintext is `plaintext`, else what the file holds now.

    Raises InputError, and nothing is written, unless every document is a Secret that Kubernetes would take.
    """
    root = record.find_root(path.absolute().parent)
    path = path.absolute()
    present = path.read_text() if path.is_file() else ""
    if plaintext.strip() and present:
        raise InputError(f"{path}: exists; change it with `invoke secrets-edit`, or remove it first")
    if not (plaintext.strip() or present):
        raise InputError(f"{path}: nothing to encrypt; pipe the Secret's YAML into this command")
    text = plaintext if plaintext.strip() else present
    _check_plaintext(path, text)
    if not keys.recipients_for(keys.load_config(root), str(path.relative_to(root))):
        raise InputError(
            f"{path}: {keys.CONFIG} names no key for it; run `invoke secrets-init`, and name the file *.sops.yaml "
            "below apps, infrastructure or clusters"
        )
    replace(path, _guarded(root, path, sops.encrypt(root, path, text)))


def _check_plaintext(path: Path, text: str) -> None:
    for document in parse(str(path), text):
        if leaks.is_encrypted(document.value):
            raise InputError(f"{path}: is encrypted already; use `invoke secrets-edit`")
        if document.kind != "Secret" or not document.name:
            raise InputError(
                f"{path}:{document.line}: is {document.kind or 'no manifest'}, not a named Secret; keep others apart"
            )


def _guarded(root: Path, path: Path, ciphertext: str) -> str:
    """The ciphertext, looked through once more before it gets its name. Raises RuntimeError."""
    source = Source(str(path.relative_to(root)), ciphertext, parse(str(path), ciphertext))
    if found := list(leaks.check(source)):
        raise RuntimeError(f"{path}: sops left plaintext ({found[0].problem}); nothing was written")
    return ciphertext


def edit(path: Path, editor: Mapping[str, str]) -> bool:
    """Edit an encrypted file. Returns whether it changed. Raises InputError."""
    path = path.absolute()
    root = record.find_root(path.parent)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; make it with `invoke secrets-encrypt`")
    private = keys.all_private(root, record.load(root))
    sops.decrypt(root, path, private)
    ciphertext = sops.edit(root, path, private, editor)
    if ciphertext is None:
        return False
    replace(path, _guarded(root, path, ciphertext))
    return True


def encrypted_files(root: Path) -> list[Source]:
    """Every file of the repository with SOPS metadata."""
    return [
        source
        for source in read_repository(root)
        if any(leaks.is_encrypted(each.value) for each in source.documents)
    ]


def rotate(root: Path) -> list[str]:
    """Give every encrypted file the recipients of .sops.yaml and a new data key. Returns the files.

    Works on a copy of the ciphertext; either all files change or none. Raises InputError.
    """
    entries, files = record.load(root), encrypted_files(root)
    private = keys.all_private(root, entries)
    with tempfile.TemporaryDirectory(prefix="skerry-") as folder:
        copy = Path(folder)
        shutil.copyfile(root / keys.CONFIG, copy / keys.CONFIG)
        for source in files:
            (copy / source.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / source.path, copy / source.path)
        with ThreadPoolExecutor(PARALLEL) as pool:
            new = list(pool.map(lambda source: _rotated(copy, source.path, private), files))
    for source, ciphertext in zip(files, new, strict=True):
        replace(root / source.path, _guarded(root, root / source.path, ciphertext))
    return [source.path for source in files]


def _rotated(copy: Path, name: str, private: str) -> str:
    for arguments in (("updatekeys", "--yes", name), ("rotate", "--in-place", name)):
        done = sops.run(copy, *arguments, keys=private)
        if done.returncode:
            raise InputError(f"{name}: {sops.explain(done, name)}; no file was changed")
    return (copy / name).read_text()


def check(root: Path) -> list[str]:
    """What is wrong with keys and encrypted files, a line each: "where: what; how to mend it"."""
    entries, config = record.load(root), keys.load_config(root)
    problems = list(_check_keys(root, entries, config))
    files = encrypted_files(root)
    with ThreadPoolExecutor(PARALLEL) as pool:
        for found in pool.map(lambda source: list(_check_file(root, entries, config, source)), files):
            problems += found
    for source in read_repository(root):
        problems += [str(finding) for finding in leaks.check(source)]
    return problems


def _check_keys(root: Path, entries: record.Record, config: dict[str, object]) -> Iterator[str]:
    for name in entries.clusters:
        file = keys.path(root, entries, name)
        try:
            [public] = sops.public_keys(keys.read(file))
        except InputError as error:
            yield str(error)
            continue
        if public not in keys.recipients_for(config, f"clusters/{name}/x.sops.yaml"):
            yield f"{file}: is not among the recipients of {name} in {keys.CONFIG}; run `invoke secrets-init`"
    if (file := keys.path(root, entries, keys.RECOVERY)).exists():
        yield f"{file}: the recovery key is still on this machine; keep it offline and delete it here"


def _check_file(
    root: Path, entries: record.Record, config: dict[str, object], source: Source
) -> Iterator[str]:
    wanted = set(keys.recipients_for(config, source.path))
    if leaks.recipients(source) != wanted:
        yield f"{source.path}: is encrypted for other keys than {keys.CONFIG} says; run `invoke secrets-rotate`"
    for name in entries.clusters:
        try:
            private = keys.read(keys.path(root, entries, name))
            mine = set(sops.public_keys(private))
        except InputError:  # _check_keys tells it
            continue
        if mine & leaks.recipients(source):
            done = sops.run(root, "decrypt", source.path, keys=private)
            if done.returncode:
                yield f"{source.path}: the key of {name}: {sops.explain(done, source.path)}"
