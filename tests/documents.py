"""The commands and files that README, CONTRIBUTING and docs/ show, so that tests can try them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from skerry.local.paths import PROJECT

PAGES = sorted(
    [
        *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
        *(path for path in (PROJECT / "docs").rglob("*.md") if not {"_build", "generated"} & set(path.parts)),
    ]
)
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[^\n]*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
CAPTION = re.compile(r"^:caption: (?:added to )?(?P<name>\S+)\n\n?", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A command line that a page shows, and where: "docs/how-to/upgrade.md:12"."""

    text: str
    where: str


@dataclass(frozen=True)
class Listing:
    """A file that a page shows with its name as the caption."""

    name: str
    text: str
    where: str


def commands(page: Path, section: str = "") -> list[Command]:
    """The lines after "$ " in console blocks; with `section`, those below that heading alone."""
    found = []
    for line, language, body in _blocks(page):
        if language == "console" and (not section or _heading(page, line) == section):
            found += [
                Command(text.strip()[2:], f"{page.relative_to(PROJECT)}:{line + number}")
                for number, text in enumerate(body.splitlines(), 1)
                if text.strip().startswith("$ ")
            ]
    return found


def listings(page: Path) -> list[Listing]:
    """The code blocks whose caption is a file of the project, such as "inventories/oslo.py"."""
    found = []
    for line, language, body in _blocks(page):
        if language.startswith("{code-block}") and (caption := CAPTION.search(body)):
            text = body[caption.end() :]
            found.append(Listing(caption["name"], text, f"{page.relative_to(PROJECT)}:{line}"))
    return found


def _blocks(page: Path) -> Iterator[tuple[int, str, str]]:
    """Each fenced block: its first line's number, its language, its text without the indentation."""
    text = page.read_text()
    for match in FENCE.finditer(text):
        body = re.sub(f"^{match['indent']}", "", match["body"], flags=re.MULTILINE)
        yield text.count("\n", 0, match.start()) + 1, match["language"].strip(), body


def _heading(page: Path, line: int) -> str:
    """The nearest heading of the second level above a line."""
    above = [text[3:] for text in page.read_text().splitlines()[:line] if text.startswith("## ")]
    return above[-1] if above else ""
