"""A measurement of the datastore's disk."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from pyinfra.api.facts import FactBase

# Read as text: skerry.bench stays unimported until a disk is measured.
ENGINE = Path(__file__).parents[1] / "bench" / "remote_engine.py"
MISSING = json.dumps(
    {"event": "refused", "reason": "python3 is missing on the host; apt install python3-minimal"}
)


class Disk(FactBase[dict[str, Any]]):
    """The last event of the bench's engine: "result" with the `result`, or another with the `reason` why there is none.

    The engine is sent with the command and leaves no file on the host. Its exit code is ignored, because its last
    event says what went wrong.
    """

    def command(self, plan: str) -> str:
        return (
            f"command -v python3 > /dev/null || {{ echo {shlex.quote(MISSING)}; exit 0; }}; "
            f"python3 - {shlex.quote(plan)} <<'END_OF_ENGINE' || true\n{ENGINE.read_text()}\nEND_OF_ENGINE"
        )

    def process(self, output: list[str]) -> dict[str, Any]:
        event: dict[str, Any] = (
            json.loads(output[-1]) if output else {"event": "failed", "reason": "no answer"}
        )
        return event
