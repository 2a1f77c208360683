"""One host measured over SSH: the engine goes there through standard input, and leaves no file."""

from __future__ import annotations

import contextlib
import json
import shlex
import threading
import time
from collections.abc import Callable
from typing import Any

import fabric

from skerry.bench.profiles import needs_fio
from skerry.commands.disk import fio
from skerry.local.paths import PROJECT
from skerry.model.errors import InputError
from skerry.model.files import File, write_script
from skerry.model.root_shell import as_root
from skerry.remote import ssh
from skerry.remote.inventory import Host

ENGINE = PROJECT / "skerry" / "bench" / "remote_engine.py"
HEARTBEAT_SECONDS = 5
SILENCE_SECONDS = 30  # the engine gives up when it hears nothing for so long, and so do we

# Reads the engine from standard input and leaves the rest of it: the heartbeats by which it knows we are there.
LOADER = (
    "import os, sys\n"
    "size, code = int(sys.argv.pop(1)), b''\n"
    "while len(code) < size:\n"
    "    block = os.read(0, size - len(code))\n"
    "    code += block or sys.exit(1)\n"
    "exec(compile(code, 'engine.py', 'exec'))\n"
)

Progress = Callable[[dict[str, Any]], None]


class Stopped(Exception):
    """The operator has stopped the run."""


def measure(
    host: Host, plan: dict[str, Any], progress: Progress, stop: threading.Event, keep_fio: bool = False
) -> dict[str, Any]:
    """The engine's result on one host. fio is there while it is needed, and gone again if it was not there before.

    Raises InputError when the host cannot be reached or the engine refuses it, RuntimeError when a part fails,
    Stopped when `stop` is set.
    """
    with ssh.connect(host) as connection:
        wants_fio = any(needs_fio(phase) for phase in plan["phases"])
        if wants_fio and (why := fio.install(connection, host, progress)):
            plan = {**plan, "phases": [phase for phase in plan["phases"] if not needs_fio(phase)]}
            progress({"note": f"without fio: {why}"})
        try:
            return run_engine(connection, host, plan, progress, stop)
        finally:
            if wants_fio and not keep_fio:
                fio.remove(connection, host)


def run_engine(
    connection: fabric.Connection, host: Host, plan: dict[str, Any], progress: Progress, stop: threading.Event
) -> dict[str, Any]:
    """Send the engine, feed it heartbeats, pass on its progress, return its result."""
    code = ENGINE.read_bytes()
    transport = connection.transport
    assert transport is not None
    channel = transport.open_session(timeout=ssh.TIMEOUT_SECONDS)
    argument = json.dumps({**plan, "silence_seconds": SILENCE_SECONDS})
    try:
        channel.exec_command(
            as_root(f"python3 -c {shlex.quote(LOADER)} {len(code)} {shlex.quote(argument)}", host.sudo)
        )
        channel.settimeout(1)
        _send(channel, code)
        return _listen(channel, host, progress, stop)
    finally:
        channel.close()


def _send(channel: Any, code: bytes) -> None:
    with contextlib.suppress(OSError):  # it ended already; what it said tells why
        channel.sendall(code)


def _listen(channel: Any, host: Host, progress: Progress, stop: threading.Event) -> dict[str, Any]:
    text, errors, heard, beaten = b"", b"", time.monotonic(), 0.0
    while True:
        if stop.is_set():
            raise Stopped
        now = time.monotonic()
        if now - heard > SILENCE_SECONDS:
            raise RuntimeError(f"{host.name}: the connection was lost; the engine there ends by itself")
        if now - beaten > HEARTBEAT_SECONDS:
            beaten = now
            _send(channel, b"\n")
        try:
            block = channel.recv(1 << 16)
        except TimeoutError:
            continue
        if channel.recv_stderr_ready():
            errors += channel.recv_stderr(1 << 16)
        if not block:
            raise RuntimeError(f"{host.name}: {_why_it_ended(channel, errors)}")
        heard, text = now, text + block
        *lines, text = text.split(b"\n")
        for line in map(json.loads, lines):
            if line["event"] == "result":
                found: dict[str, Any] = line["result"]
                return found
            if line["event"] == "refused":
                raise InputError(f"{host.name}: {line['reason']}")
            if line["event"] == "failed":
                raise RuntimeError(f"{host.name}: {line['reason']}")
            progress(line)


def _why_it_ended(channel: Any, errors: bytes) -> str:
    try:
        while block := channel.recv_stderr(1 << 16):
            errors += block
    except TimeoutError:
        pass
    said = errors.decode(errors="replace").strip().splitlines()
    last = said[-1] if said else "the engine ended without a word; was it killed?"
    return (
        "python3 is missing; apt install python3-minimal"
        if "python3: " in last and "not found" in last
        else last
    )


def keep_record(host: Host, file: File) -> None:
    """The verdict stands on the host, where the installation of K3s looks for it."""
    with ssh.connect(host) as connection:
        script = f"printf %s {shlex.quote(file.content)} | {{ {write_script(file)}; }}"
        ssh.run(connection, host, script)
