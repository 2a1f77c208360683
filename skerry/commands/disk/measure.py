"""Measure one host over SSH. The engine is sent through standard input and leaves no file on the host."""

from __future__ import annotations

import contextlib
import json
import shlex
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fabric

from skerry.bench import remote_engine
from skerry.bench.measurement import Measurement
from skerry.bench.profiles import needs_fio
from skerry.commands.disk import fio
from skerry.model.errors import InputError
from skerry.model.files import File, write_script
from skerry.model.root_shell import as_root
from skerry.remote import ssh
from skerry.remote.inventory import Host

ENGINE = Path(remote_engine.__file__)
HEARTBEAT_SECONDS = 5
# After so long without a heartbeat the engine ends, and without a line from the engine the measurement here ends.
SILENCE_SECONDS = 30
LONGEST_LINE = 64 << 20  # bytes; a day's measurement has a few MiB

# Reads the engine from standard input, and no further: the heartbeats that follow are for the engine.
LOADER = (
    "import os, sys\n"
    "size, code = int(sys.argv.pop(1)), b''\n"
    "while len(code) < size:\n"
    "    block = os.read(0, size - len(code))\n"
    "    code += block or sys.exit(1)\n"
    "exec(compile(code, 'engine.py', 'exec'))\n"
)

Progress = Callable[[dict[str, Any]], None]


class MeasurementStopped(Exception):
    """The operator stopped the run."""


def measure(
    host: Host, plan: dict[str, Any], progress: Progress, stop: threading.Event, keep_fio: bool = False
) -> Measurement:
    """Measure one host. fio is installed if it is missing, and removed at the end; without it its phases are left out.

    Raises InputError if the host cannot be reached or the engine refuses it, RuntimeError if the engine fails,
    MeasurementStopped if `stop` is set.
    """
    with ssh.connect(host) as connection:
        uses_fio = any(needs_fio(phase) for phase in plan["phases"])
        if uses_fio and (problem := fio.install(connection, host, progress)):
            plan = {**plan, "phases": [phase for phase in plan["phases"] if not needs_fio(phase)]}
            progress({"note": f"without fio: {problem}"})
        try:
            return run_engine(connection, host, plan, progress, stop)
        finally:
            if uses_fio and not keep_fio:
                fio.remove(connection, host)


def run_engine(
    connection: fabric.Connection, host: Host, plan: dict[str, Any], progress: Progress, stop: threading.Event
) -> Measurement:
    """Send the engine, keep it alive by heartbeats, and report its progress. Returns its result."""
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
    # If the engine has ended already, its output tells why.
    with contextlib.suppress(OSError):
        channel.sendall(code)


def _listen(channel: Any, host: Host, progress: Progress, stop: threading.Event) -> Measurement:
    text, errors, last_heard, last_heartbeat = b"", b"", time.monotonic(), 0.0
    while True:
        if stop.is_set():
            raise MeasurementStopped
        now = time.monotonic()
        if now - last_heard > SILENCE_SECONDS:
            raise RuntimeError(f"{host.name}: the connection was lost; the engine there ends by itself")
        if now - last_heartbeat > HEARTBEAT_SECONDS:
            last_heartbeat = now
            _send(channel, b"\n")
        try:
            block = channel.recv(1 << 16)
        except TimeoutError:
            continue
        if channel.recv_stderr_ready():
            errors += channel.recv_stderr(1 << 16)
        if not block:
            raise RuntimeError(f"{host.name}: {_why_it_ended(channel, errors)}")
        last_heard, text = now, text + block
        *lines, text = text.split(b"\n")
        if len(text) > LONGEST_LINE:
            raise RuntimeError(f"{host.name}: printed a line of over {LONGEST_LINE >> 20} MiB")
        for line in map(json.loads, lines):
            if line["event"] == "result":
                result: Measurement = line["result"]
                return result
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
    lines = errors.decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else "the engine ended without a message; was it killed?"
    missing = "python3: " in last and "not found" in last
    return "python3 is missing; apt install python3-minimal" if missing else last


def keep_record(host: Host, file: File) -> None:
    """Write the verdict to the host, where the installation of K3s reads it."""
    with ssh.connect(host) as connection:
        script = f"printf %s {shlex.quote(file.content)} | {{ {write_script(file)}; }}"
        ssh.run(connection, host, script)
