"""The files by which a forge and pre-commit know the project say what they should."""

from __future__ import annotations

import re

import yaml

from skerry.commands.dev.reference import version
from skerry.local.paths import PROJECT


def test_the_workflow_runs_ci_and_pins_actions_by_commit() -> None:
    text = (PROJECT / ".github" / "workflows" / "ci.yaml").read_text()
    steps = yaml.safe_load(text)["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["sudo .ci/run"]
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"]) for step in steps if "uses" in step)


def test_hooks_and_templates_are_yaml() -> None:
    hooks = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert {hook["id"] for hook in hooks} == {"ruff", "ruff-format", "mypy", "unit"}
    for path in (PROJECT / ".github" / "ISSUE_TEMPLATE").iterdir():
        assert yaml.safe_load(path.read_text())


def test_the_changelog_has_the_version() -> None:
    """Unreleased changes come first, then this version with its date."""
    headings = re.findall(r"^## (.+)$", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(version())}\] - \d{{4}}-\d\d-\d\d", headings[1])
