"""Hardening has hosts of its own, so that these tests may run beside the others below tests/lab."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def names() -> list[str]:
    return ["h1", "h2"]
