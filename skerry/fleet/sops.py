"""Run sops and age-keygen. Plaintext and private keys go by pipes, environment and tmpfs, not by argv or disk.

The exit codes are those of sops 3.11 (cmd/sops/codes/codes.go in getsops/sops).
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from skerry.local import tools
from skerry.local.files import private_folder
from skerry.model.errors import InputError

MAC_MISMATCH, NO_KEY, NOT_CHANGED, ALREADY_ENCRYPTED = 51, 128, 200, 203
TIMEOUT_SECONDS = 60
NO_FOLDER = "/nonexistent"


def run(
    root: Path, *arguments: str, keys: str = "", stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run sops with the .sops.yaml of the repository at `root`. `keys` are age private keys, one per line.

    sops gets the keys in its environment, which only root and the user can read.
    """
    command = [
        tools.find("sops"),
        "--disable-version-check",
        "--config",
        str(root / ".sops.yaml"),
        *arguments,
    ]
    return subprocess.run(
        command,
        cwd=root,
        # Without a home, sops finds no other keys.
        env={**environment(keys), "HOME": NO_FOLDER, "XDG_CONFIG_HOME": NO_FOLDER},
        input=stdin or "",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def environment(keys: str) -> dict[str, str]:
    """This process's environment with `keys` in place of all SOPS_ variables."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("SOPS_")}
    return {**others, "SOPS_AGE_KEY": keys}


def encrypt(root: Path, path: Path, plaintext: str) -> str:
    """The plaintext, encrypted for the recipients that .sops.yaml names for `path`. Raises InputError."""
    name = str(path.relative_to(root))
    done = run(
        root, "encrypt", "--filename-override", name, "--input-type", "yaml", "--output-type", "yaml", "/dev/stdin",
        stdin=plaintext,
    )  # fmt: skip
    if done.returncode:
        raise InputError(f"{path}: {explain(done, name)}")
    return done.stdout


def decrypt(root: Path, path: Path, keys: str) -> str:
    """The plaintext of an encrypted file. Raises InputError if the keys cannot decrypt it."""
    done = run(root, "decrypt", str(path), keys=keys)
    if done.returncode:
        raise InputError(f"{path}: {explain(done, path.name)}")
    return done.stdout


def explain(done: subprocess.CompletedProcess[str], name: str) -> str:
    """Returns why sops failed, and what to do. The output of sops is not shown, because it may quote the file."""
    if done.returncode == NO_KEY:
        return "no key on this machine can decrypt it; run `invoke secrets-check`, or ask a holder of its key"
    if done.returncode == MAC_MISMATCH:
        return "was edited after its encryption; restore it from Git, then use `invoke secrets-edit`"
    if "no matching creation rules" in done.stderr:
        return (
            f"no rule in .sops.yaml covers {name}; name it *.sops.yaml and put it below apps, infrastructure or "
            "clusters"
        )
    if done.returncode == ALREADY_ENCRYPTED:
        return "is encrypted already; use `invoke secrets-edit`"
    if line := re.search(r"line (\d+)", done.stderr):
        return f"line {line[1]}: is not YAML that sops can read; correct it"
    return f"sops failed with exit code {done.returncode}; run `sops decrypt {name}` to see its message"


def new_key() -> str:
    """The text of a new age key file, with the private and the public key."""
    return _keygen()


def public_keys(private: str) -> list[str]:
    """The public keys of age private keys. Raises InputError if `private` holds anything else."""
    return _keygen("-y", stdin=private).split()


def _keygen(*arguments: str, stdin: str | None = None) -> str:
    done = subprocess.run(
        [tools.find("age-keygen"), *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InputError("the key file holds no age key; restore it from your backup")
    return done.stdout


def edit(root: Path, path: Path, keys: str, editor: Mapping[str, str]) -> str | None:
    """Open a copy of the file in the user's editor. Returns the new ciphertext, None if nothing was changed.

    The copy is in memory, so the repository never holds plaintext or a half-written file. Raises InputError.
    """
    with private_folder() as folder:
        copy = folder / path.name
        copy.write_text(path.read_text())
        command = [tools.find("sops"), "--disable-version-check", "edit", str(copy)]
        code = subprocess.run(
            command, cwd=folder, env={**environment(keys), **editor, "TMPDIR": str(folder)}, check=False
        ).returncode
        if code == NOT_CHANGED:
            return None
        if code:
            raise InputError(
                f"{path}: {explain(subprocess.CompletedProcess(command, code, '', ''), path.name)}"
            )
        return copy.read_text()
