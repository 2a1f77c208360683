"""What Ctrl-C does to a run."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from skerry.local.exit_codes import INTERRUPTED


def end_when_interrupted(before: Callable[[], None] = lambda: None) -> None:
    """End this process at once on Ctrl-C, after a call of `before`, with exit code INTERRUPTED.

    Hosts finish the command that they are running, as if this machine had lost power.
    """

    def end(*signal_and_frame: object) -> None:
        before()
        print("interrupted; run it again to go on", file=sys.stderr)
        os._exit(INTERRUPTED)

    signal.signal(signal.SIGINT, end)
