"""Shared test data: the project's default settings with the changes of a test."""

from __future__ import annotations

import runpy
from collections.abc import Callable

import hypothesis
import pytest

from skerry.local.paths import PROJECT
from skerry.model.artifacts import ArtifactSource
from skerry.model.hardening.host_context import HostContext
from skerry.model.k3s.node import Node
from skerry.model.k3s.reservations import RECIPE
from skerry.model.settings.settings import Settings, parse_settings

MakeSettings = Callable[..., Settings]

# The time of an example depends on the machine alone.
hypothesis.settings.register_profile("any pace", deadline=None)
hypothesis.settings.load_profile("any pace")


@pytest.fixture
def make_settings() -> MakeSettings:
    """make_settings(**changes) gives the settings of inventories/group_data/all.py with these changes."""

    def make(**changes: object) -> Settings:
        defaults = runpy.run_path(str(PROJECT / "inventories/group_data/all.py"))
        data = {name: value for name, value in defaults.items() if not name.startswith("__")}
        ssh = [name for name in data if name.startswith("ssh_")]
        return parse_settings("host", data | changes, ignored=ssh)

    return make


@pytest.fixture
def host_context(make_settings: MakeSettings) -> HostContext:
    """The first server of a cluster with default settings."""
    return HostContext("server", make_settings(), 0, ())


@pytest.fixture
def node(make_settings: MakeSettings) -> Node:
    """A server that starts a cluster, with the default settings."""
    binary = ArtifactSource("https://mirror.example/k3s", "a" * 64)
    return Node("server", make_settings(), RECIPE, {"k3s": binary})
