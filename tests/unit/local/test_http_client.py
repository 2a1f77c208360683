"""GET requests against local servers: redirects, tokens, proxies, certificates, broken answers."""

from __future__ import annotations

import datetime
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from skerry.local.http_client import Unreachable, download, get
from skerry.local.paths import PROJECT
from skerry.model.errors import InputError

Answer = tuple[int, Mapping[str, str], bytes]
TOKEN = {"PRIVATE-TOKEN": "glpat-0123456789"}


class Server:
    """A server that answers by path, and records the path and token of each request."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, str | None]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append((self.path, self.headers["PRIVATE-TOKEN"]))
                status, headers, body = server.answers.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    """A function that starts a server, which ends with the test."""
    servers: list[Server] = []

    def started(certificate: Path | None = None) -> Server:
        servers.append(Server(certificate))
        return servers[-1]

    yield started
    for server in servers:
        server.close()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Key and certificate of 127.0.0.1, which the environment declares to be trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
    signed = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


def body(url: str) -> bytes:
    with download(url) as response:
        return response.read()


def test_a_download_follows_redirects_to_other_servers(start: Callable[..., Server]) -> None:
    release, storage = start(), start()
    release.answers["/file"] = (302, {"Location": f"{storage.url}/stored"}, b"")
    storage.answers["/stored"] = (200, {}, b"content")
    assert body(f"{release.url}/file") == b"content"


def test_a_token_follows_a_redirect_on_its_server_and_none_to_another(start: Callable[..., Server]) -> None:
    forge, other = start(), start()
    forge.answers["/renamed"] = (301, {"Location": "/new-name"}, b"")
    forge.answers["/new-name"] = (200, {}, b"{}")
    forge.answers["/moved"] = (301, {"Location": f"{other.url}/moved"}, b"")
    with get(f"{forge.url}/renamed", TOKEN) as response:
        assert (response.status_code, response.read()) == (200, b"{}")
    assert forge.requests[-1] == ("/new-name", TOKEN["PRIVATE-TOKEN"])
    with pytest.raises(Unreachable, match="which may not see the token"), get(f"{forge.url}/moved", TOKEN):
        pass
    assert other.requests == []


def test_no_redirect_gives_up_encryption(start: Callable[..., Server], certificate: Path) -> None:
    encrypted, plain = start(certificate), start()
    encrypted.answers["/sums"] = (302, {"Location": f"{plain.url}/sums"}, b"")
    with pytest.raises(Unreachable, match="which is not encrypted"):
        body(f"{encrypted.url}/sums")
    assert plain.requests == []


def test_an_unknown_certificate_is_refused(
    start: Callable[..., Server], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        body(f"{start(certificate).url}/")


def test_https_works_under_pyinfras_event_loop(start: Callable[..., Server], certificate: Path) -> None:
    """gevent replaces ssl after it was imported, and phases fetch checksums in that process."""
    server = start(certificate)
    server.answers["/sums"] = (200, {}, b"sums")
    code = (
        "import ssl, sys; from gevent import monkey; monkey.patch_all(); "
        "from skerry.local.http_client import download; "
        "response = download(sys.argv[1]); print(response.__enter__().read())"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, f"{server.url}/sums"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.stdout == "b'sums'\n", done.stderr


def test_redirects_in_a_circle_end(start: Callable[..., Server]) -> None:
    server = start()
    server.answers["/a"] = (302, {"Location": "/a"}, b"")
    with pytest.raises(Unreachable, match="redirects more than 10 times"):
        body(f"{server.url}/a")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((404, {}, b""), "HTTP 404 Not Found"),
        ((200, {"Content-Length": "9"}, b"short"), "without sending complete message body"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "unsupported protocol"),
        ((302, {"Location": "http://mirror.example:x/"}, b""), "Invalid port"),
    ],
)
def test_an_answer_that_cannot_be_used_is_one_line(
    start: Callable[..., Server], answer: Answer, why: str
) -> None:
    server = start()
    server.answers["/file"] = answer
    with pytest.raises(Unreachable, match=f"^{server.url}/file cannot be reached: .*{why}") as failure:
        body(f"{server.url}/file")
    assert "\n" not in str(failure.value)


def test_the_environments_proxy_is_used_except_for_no_proxy(
    start: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy without a scheme is an HTTP proxy, and ALL_PROXY does not count."""
    proxy, server = start(), start()
    proxy.answers["http://mirror.example/file"] = (200, {}, b"by proxy")
    server.answers["/file"] = (200, {}, b"directly")
    monkeypatch.setenv("http_proxy", proxy.url.removeprefix("http://"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    assert body("http://mirror.example/file") == b"by proxy"
    assert body(f"{server.url}/file") == b"directly"


def test_a_socks_proxy_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://me:secret@127.0.0.1:9")
    with pytest.raises(InputError, match="https_proxy in the environment is not an HTTP proxy") as refusal:
        body("https://mirror.example/file")
    assert "secret" not in str(refusal.value)


def test_an_archive_stays_compressed(start: Callable[..., Server]) -> None:
    """Some servers declare a .tar.gz to be gzip-encoded; its checksum is that of the file."""
    server = start()
    server.answers["/x.tar.gz"] = (200, {"Content-Encoding": "gzip"}, b"\x1f\x8bnot decoded")
    with download(f"{server.url}/x.tar.gz") as response:
        assert b"".join(response.iter_raw()) == b"\x1f\x8bnot decoded"


def test_httpx_is_imported_for_requests_alone() -> None:
    code = "import sys, skerry.local.artifacts, skerry.fleet.forges; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0
