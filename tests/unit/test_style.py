"""Rules of style that no linter has."""

from __future__ import annotations

import re

from skerry.local.paths import PROJECT

FILES = [
    path
    for folder in ("skerry", "deploy", "inventories", "docs", "tests")
    for path in sorted((PROJECT / folder).rglob("*.py"))
]
LONE_BRACKET = re.compile(r"^ *[\])}]+,? *#(?! fmt| type| noqa)|[\[({]  #(?! fmt| type| noqa)")


def test_comments_stand_above_their_line_not_after_a_lone_bracket() -> None:
    lines = [
        f"{path.relative_to(PROJECT)}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if LONE_BRACKET.search(line)
    ]
    assert lines == []
