"""Separate hosts, so that these tests can run at the same time as the others in tests/lab."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def names() -> list[str]:
    return ["h1", "h2"]
