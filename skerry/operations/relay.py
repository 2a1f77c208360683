"""A temporary HTTP server on a host, from which the other hosts of its region download an artifact."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from pyinfra import host
from pyinfra.api import StringCommand

from skerry.model.ports import RELAY_PORT
from skerry.operations import Commands, operation

UNIT = "skerry-relay"
# The relay ends after this time even if the run that started it was killed.
MAX_SECONDS = 3600
# How long to wait until the relay listens, in tenths of a second.
START_TENTHS = 100


def url(address: str, sha256: str) -> str:
    """Returns the URL at which a relay on the host at `address` serves the artifact with this checksum."""
    return f"http://{f'[{address}]' if ':' in address else address}:{RELAY_PORT}/{sha256}"


@operation
def serve(path: str, sha256: str, needed: Callable[[], bool]) -> Commands:
    """Serve the file on port `RELAY_PORT` of this host if another host needs the file.

    Python's own web server runs as an unprivileged user, and sees only this file, which it serves as /<sha256>.
    """
    if not needed():
        host.noop("no host needs it")
        return
    options = [
        f"--unit={UNIT}",
        "--collect",
        "--quiet",
        "--property=DynamicUser=yes",
        f"--property=RuntimeMaxSec={MAX_SECONDS}",
        "--property=TemporaryFileSystem=/srv",
        f"--property=BindReadOnlyPaths={path}:/srv/{sha256}",
    ]
    server = ["python3", "-m", "http.server", str(RELAY_PORT), "--directory", "/srv"]
    # The first stop ends the relay of a killed run. It fails if there is none.
    yield StringCommand(
        f"systemctl stop {UNIT} 2>/dev/null; systemd-run {shlex.join([*options, *server])} && "
        f"for tenth in $(seq {START_TENTHS}); do systemctl is-active --quiet {UNIT} || break; "
        f"[ -z \"$(ss -Hltn 'sport = :{RELAY_PORT}')\" ] || exit 0; sleep 0.1; done; "
        f"echo 'the relay does not listen on port {RELAY_PORT}; see journalctl -u {UNIT}' >&2; exit 1"
    )


@operation
def stop(needed: Callable[[], bool]) -> Commands:
    """Stop the relay if it was started."""
    if not needed():
        host.noop("no relay was started")
        return
    yield StringCommand(f"systemctl stop {UNIT}")
