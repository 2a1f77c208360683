"""HTTPS on K3s's port: TLS with an optional client certificate, one thread per connection."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .api import Api

HANDSHAKE_SECONDS, IDLE_SECONDS = 10, 90


class Listener(ThreadingHTTPServer):
    """Bound when it is made; OSError where the port is taken."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: str, port: int, tls: Path, api: Api) -> None:
        self.api = api
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(tls / "serving-kube-apiserver.crt", tls / "serving-kube-apiserver.key")
        self.context.load_verify_locations(tls / "client-ca.crt")
        self.context.verify_mode = ssl.CERT_OPTIONAL
        super().__init__((address, port), _Handler)

    def server_bind(self) -> None:
        """Bind without the parent's look-up of the host's name, which may wait for DNS."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread, so that a silent client holds up nobody."""
        request.settimeout(HANDSHAKE_SECONDS)
        with contextlib.suppress(OSError), self.context.wrap_socket(request, server_side=True) as tls:
            tls.settimeout(IDLE_SECONDS)
            _Handler(tls, client_address, self)


class _Handler(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # headers and body in one record
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {key.lower(): value for key, value in self.headers.items()}
        certified = bool(self.connection.getpeercert())
        code, content = self.server.api.answer(self.command, self.path, headers, body, certified)
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
