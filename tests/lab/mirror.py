"""A download mirror with faults, on this machine's address in the lab's network."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


@dataclass(frozen=True)
class Fault:
    """How release files are damaged. Checksum files are always right."""

    missing: bool = False
    """Answer 404."""
    flipped: bool = False
    """Flip a bit in the middle."""
    short: int | None = None
    """Serve a file of only this many bytes."""
    broken: int | None = None
    """Close the connection after this many bytes."""
    hanging: int | None = None
    """Send nothing more after this many bytes."""


class Mirror:
    """Serves <version>/<file> from `folder`. Tests may set `fault` at any time."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.requests: list[str] = []
        self._closing = threading.Event()
        self.fault = Fault()
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror._answer(self)

            def do_HEAD(self) -> None:
                mirror._answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{address}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append(f"{request.command} {request.path}")
        path = self.folder / unquote(request.path).lstrip("/")
        fault = Fault() if path.suffix == ".txt" else self.fault
        if fault.missing or not path.is_file():
            request.send_error(404)
            return
        body = bytearray(path.read_bytes()[: fault.short])
        body[len(body) // 2] ^= fault.flipped
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command == "GET":
            self._send(request, bytes(body), fault)

    def _send(self, request: BaseHTTPRequestHandler, body: bytes, fault: Fault) -> None:
        stop = fault.broken if fault.hanging is None else fault.hanging
        with contextlib.suppress(OSError):  # the client has closed the connection
            request.wfile.write(body[:stop])
            request.wfile.flush()
        if fault.hanging is not None:
            self._closing.wait()
