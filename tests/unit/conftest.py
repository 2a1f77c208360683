"""Shared test data: the project's own default settings, with what a test changes."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from skerry.model.settings.settings import Settings, parse_settings

PROJECT = Path(__file__).parents[2]
MakeSettings = Callable[..., Settings]

# How long an example takes tells of the machine alone.
hypothesis.settings.register_profile("any pace", deadline=None)
hypothesis.settings.load_profile("any pace")


@pytest.fixture
def make_settings() -> MakeSettings:
    """The settings of inventories/group_data/all.py, with the given ones in their place."""

    def make(**changes: object) -> Settings:
        read = runpy.run_path(str(PROJECT / "inventories/group_data/all.py"))
        data = {name: value for name, value in read.items() if not name.startswith("__")}
        ssh = [name for name in data if name.startswith("ssh_")]
        return parse_settings("host", data | changes, ignored=ssh)

    return make
