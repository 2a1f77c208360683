"""Clusters of several hosts; the one that is prepared for all of them is none of theirs."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def names() -> list[str]:
    return ["c0"]
