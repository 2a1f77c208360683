"""The list of what Skerry keeps on hosts is complete."""

from __future__ import annotations

import re
from pathlib import Path

from skerry.model import host_paths

SKERRY = Path(__file__).parents[3] / "skerry"
PATHS = {value for name, value in vars(host_paths).items() if name.isupper()}
ROOTS = r"(?:/var/lib/skerry|/etc/skerry|/usr/local/lib/skerry|/run/skerry)[\w./-]*\w"


def test_the_list_names_every_path_in_scripts_and_units() -> None:
    files = [
        path for folder in ("facts", "templates") for path in (SKERRY / folder).rglob("*") if path.is_file()
    ]
    used = {
        match
        for path in files
        if path.suffix != ".pyc"
        for match in re.findall(ROOTS, path.read_text(errors="ignore"))
    }
    unknown = {
        path
        for path in used
        if path not in PATHS and not any(path.startswith(f"{known}/") for known in PATHS - {host_paths.STATE})
    }
    assert unknown == set()


def test_the_list_names_nothing_that_is_not_used() -> None:
    text = "\n".join(
        path.read_text(errors="ignore")
        for path in SKERRY.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and path != Path(host_paths.__file__)
    )
    constants = {name: value for name, value in vars(host_paths).items() if name.isupper()}
    assert [
        name for name, value in constants.items() if value not in text and not re.search(rf"\b{name}\b", text)
    ] == []
