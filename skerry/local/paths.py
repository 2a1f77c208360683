"""Paths on this machine."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).parents[2]
"""The checkout: deploy/, inventories/ and skerry/ lie in it."""

SKERRY = Path(os.environ.get("SKERRY_HOME", PROJECT / ".skerry"))
"""What Skerry keeps on this machine: locks, journals, measurements, backups."""
