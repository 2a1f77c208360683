"""Operations of our own: how a host changes where pyinfra has no operation for it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias

from pyinfra.api.command import PyinfraCommand

Commands: TypeAlias = Generator[PyinfraCommand, None, None]
"""What an operation yields, in order; nothing when the host is as wanted."""
