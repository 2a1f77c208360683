"""Sphinx configuration of Skerry's documentation: `invoke docs` builds it into docs/_build/html."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

PROJECT = Path(__file__).parent.parent
# Pages whose text is a file elsewhere in the repository, where people look for it first.
ELSEWHERE = {
    "contributing": "CONTRIBUTING.md",
    "security": "SECURITY.md",
    "changelog": "CHANGELOG.md",
    "tests": "tests/README.md",
    "stand-ins": "tests/doubles/README.md",
}
sys.path.insert(0, str(PROJECT))

from skerry.commands.dev import reference  # noqa: E402  needs the path above
from skerry.model.settings.settings import Settings  # noqa: E402

project = "Skerry"
author = "Skerry's contributors"
release = reference.version()

extensions = ["myst_parser"]
exclude_patterns = ["_build", "reference/generated"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# A reference that leads nowhere is a warning, and `invoke docs` turns warnings into errors (-n -W).
nitpicky = True
smartquotes = False

html_theme = "furo"
html_title = f"Skerry {release}"
html_static_path = ["_static"]
html_css_files = ["skerry.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5c7a", "color-brand-content": "#0b6a8d"},
    "dark_css_variables": {"color-brand-primary": "#7cc7e3", "color-brand-content": "#7cc7e3"},
}

# `sphinx-build -b linkcheck` asks the network; builds do not.
linkcheck_timeout = 15
linkcheck_retries = 2

reference.write(Path(__file__).parent / "reference" / "generated")
SETTINGS, TASKS = "|".join(Settings.model_fields), "|".join(reference.collection().tasks)
# Inline code that is no link yet: a setting, alone or with a value, or a task, alone or with its arguments.
NAMES = re.compile(
    rf"(?<![`\[])`(?:(?P<setting>{SETTINGS})(?: = [^`]+)?|invoke (?P<task>{TASKS})(?: [^`]+)?)`(?!`)"
)


def read_elsewhere(app: Sphinx, name: str, source: list[str]) -> None:
    """Give the pages in ELSEWHERE their text, with links as they have to be in docs/."""
    if path := ELSEWHERE.get(name):
        app.env.note_dependency(str(PROJECT / path))
        folder = posixpath.dirname(path)
        source[0] = re.sub(
            r"\]\((?!\w+:|#)([^)#]+)",
            lambda link: f"]({page(posixpath.normpath(posixpath.join(folder, link[1])))}",
            (PROJECT / path).read_text(),
        )


def page(path: str) -> str:
    """The path in docs/ of a file of the repository."""
    pages = {file: f"{name}.md" for name, file in ELSEWHERE.items()}
    return pages.get(path) or posixpath.relpath(path, "docs")


def link_names(app: Sphinx, name: str, source: list[str]) -> None:
    """Make inline code that is a setting, or `invoke TASK`, a link to the reference; code blocks stay as they are."""
    blocks = re.split(r"(^ *```.*?^ *```$)", source[0], flags=re.MULTILINE | re.DOTALL)
    source[0] = "".join(
        NAMES.sub(link, block) if number % 2 == 0 else block for number, block in enumerate(blocks)
    )


def link(match: re.Match[str]) -> str:
    """The link for one match of NAMES."""
    target = f"setting-{match['setting']}" if match["setting"] else f"task-{match['task']}"
    return f"[{match[0]}](#{target})"


def setup(app: Sphinx) -> None:
    app.connect("source-read", read_elsewhere)
    app.connect("source-read", link_names)
