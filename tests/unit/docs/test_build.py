"""The documentation builds, with no reference that leads nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.commands.dev.docs import build


def test_the_documentation_builds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Dead links to pages, headings and files are warnings, and warnings fail. Links to other sites are not tried."""
    assert build(tmp_path / "html") == 0, capfd.readouterr().err
    assert "k3s_version" in (tmp_path / "html" / "reference" / "settings.html").read_text()
