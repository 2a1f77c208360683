"""A host that gives artifacts to the others of its region, while they fetch them."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from pyinfra import host
from pyinfra.api import StringCommand

from skerry.model.ports import RELAY_PORT
from skerry.operations import Commands, operation

UNIT = "skerry-relay"
SECONDS = 3600  # it ends by itself after so long, also where the run that began it was killed
WAIT = 100  # tenths of a second for it to listen


def url(address: str, sha256: str) -> str:
    """Where a host at `address` gives the artifact with this checksum."""
    return f"http://{f'[{address}]' if ':' in address else address}:{RELAY_PORT}/{sha256}"


@operation
def give(path: str, sha256: str, needed: Callable[[], bool]) -> Commands:
    """Where it is needed, the file can be fetched by whoever reaches this host's port.

    By Python's own web server, as a user without rights, which sees this one file under its checksum.
    """
    if not needed():
        host.noop("nobody needs it")
        return
    options = [
        f"--unit={UNIT}",
        "--collect",
        "--quiet",
        "--property=DynamicUser=yes",
        f"--property=RuntimeMaxSec={SECONDS}",
        "--property=TemporaryFileSystem=/srv",
        f"--property=BindReadOnlyPaths={path}:/srv/{sha256}",
    ]
    serve = ["python3", "-m", "http.server", str(RELAY_PORT), "--directory", "/srv"]
    yield StringCommand(
        f"systemctl stop {UNIT} 2>/dev/null; systemd-run {shlex.join([*options, *serve])} && "
        f"for each in $(seq {WAIT}); do systemctl is-active --quiet {UNIT} || break; "
        f"[ -z \"$(ss -Hltn 'sport = :{RELAY_PORT}')\" ] || exit 0; sleep 0.1; done; "
        f"echo 'port {RELAY_PORT} could not be listened at; see journalctl -u {UNIT}' >&2; exit 1"
    )


@operation
def stop(needed: Callable[[], bool]) -> Commands:
    """Nothing can be fetched here any more."""
    if not needed():
        host.noop("nothing was given")
        return
    yield StringCommand(f"systemctl stop {UNIT}")
