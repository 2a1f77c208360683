"""sops and age-keygen, driven so that plaintext and keys pass through pipes and tmpfs, never through argv or disk.

Exit codes as sops 3.11 gives them (cmd/sops/codes/codes.go in getsops/sops).
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

NO_KEY, MAC_MISMATCH, NOT_CHANGED = 128, 51, 200
TIMEOUT_SECONDS = 60
NOWHERE = "/nonexistent"


def run(
    root: Path, *arguments: str, keys: str = "", stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """sops with the configuration of the repository at `root`; `keys` are age private keys, one per line.

    The keys are handed over in the child's environment, which only root and its owner can read; never in argv.
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
        env={**environment(keys), "HOME": NOWHERE, "XDG_CONFIG_HOME": NOWHERE},  # no keys but these
        input=stdin or "",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def environment(keys: str) -> dict[str, str]:
    """The caller's environment, its SOPS_ variables replaced by these age keys."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SOPS_")}
    return {**kept, "SOPS_AGE_KEY": keys}


def encrypt(root: Path, path: Path, plaintext: str) -> str:
    """The text of `path` encrypted for the recipients that .sops.yaml names for it. Raises InputError."""
    name = str(path.relative_to(root))
    done = run(
        root, "encrypt", "--filename-override", name, "--input-type", "yaml", "--output-type", "yaml", "/dev/stdin",
        stdin=plaintext,
    )  # fmt: skip
    if done.returncode:
        raise InputError(f"{path}: {explain(done, name)}")
    return done.stdout


def decrypt(root: Path, path: Path, keys: str) -> str:
    """The plaintext of an encrypted file, in memory. Raises InputError when the keys do not open it."""
    done = run(root, "decrypt", str(path), keys=keys)
    if done.returncode:
        raise InputError(f"{path}: {explain(done, path.name)}")
    return done.stdout


def explain(done: subprocess.CompletedProcess[str], name: str) -> str:
    """Why sops failed, and what to do. Its own words may quote the file, so only known ones are passed on."""
    if done.returncode == NO_KEY:
        return (
            "none of the keys here opens it; see `invoke secrets-check`, or ask someone it is encrypted for"
        )
    if done.returncode == MAC_MISMATCH:
        return "was changed by hand after its encryption; restore it from Git, then use `invoke secrets-edit`"
    if "no matching creation rules" in done.stderr:
        return (
            f"no rule in .sops.yaml covers {name}; name it *.sops.yaml below apps, infrastructure or clusters"
        )
    if done.returncode == 203:
        return "is encrypted already; use `invoke secrets-edit`"
    if place := re.search(r"line (\d+)", done.stderr):
        return f"line {place[1]}: is not YAML that sops reads; mend it"
    return f"sops ended with code {done.returncode}; run `sops decrypt {name}` to see its own words"


def new_key() -> str:
    """A new age key as age-keygen prints it, private part included."""
    return _keygen()


def public_keys(private: str) -> list[str]:
    """The recipients that belong to private keys. Raises InputError when these are no age keys."""
    return _keygen("-y", stdin=private).split()


def _keygen(*arguments: str, stdin: str | None = None) -> str:
    done = subprocess.run(
        [tools.find("age-keygen"), *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InputError("that is no age key; restore the key file from your backup")
    return done.stdout


def edit(root: Path, path: Path, keys: str, editor: Mapping[str, str]) -> str | None:
    """Open the file in the user's editor. Returns the new ciphertext, None when nothing was changed.

    sops works on a copy in memory, so that the repository never holds a half-written file.
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
