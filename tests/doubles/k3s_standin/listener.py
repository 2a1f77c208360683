"""HTTPS on K3s's ports, with optional or required client certificates, and HTTP for etcd's metrics.

One thread per connection.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    # From method, target, headers, body, and whether the client has a certificate, to status and content.
    Answer = Callable[[str, str, dict[str, str], bytes, bool], tuple[int, Any]]

HANDSHAKE_SECONDS, IDLE_SECONDS = 10, 90


class Listener(ThreadingHTTPServer):
    """An HTTP(S) server that is bound at construction. Raises OSError if the port is taken."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: str, port: int, context: ssl.SSLContext | None, answer: Answer) -> None:
        self.context, self.answer = context, answer
        super().__init__((address, port), _Handler)

    def server_bind(self) -> None:
        """Bind without the base class's lookup of the host's name, which may wait for DNS."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Do the TLS handshake in the connection's thread, so that a silent client does not delay others."""
        request.settimeout(HANDSHAKE_SECONDS)
        if self.context is None:
            with contextlib.suppress(OSError):
                _Handler(request, client_address, self)
            return
        with contextlib.suppress(OSError), self.context.wrap_socket(request, server_side=True) as tls:
            tls.settimeout(IDLE_SECONDS)
            _Handler(tls, client_address, self)


def tls(certificate: Path, key: Path, ca: Path, required: bool) -> ssl.SSLContext:
    """A server's TLS context that accepts or requires client certificates of `ca`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return context


class _Handler(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # headers and body in one record
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {key.lower(): value for key, value in self.headers.items()}
        certified = isinstance(self.connection, ssl.SSLSocket) and bool(self.connection.getpeercert())
        code, content = self.server.answer(self.command, self.path, headers, body, certified)
        is_text = isinstance(content, str)
        encoded = (content if is_text else json.dumps(content)).encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/plain; charset=utf-8" if is_text else "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:
        """K3s logs no requests."""
