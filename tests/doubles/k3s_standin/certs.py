"""X.509 certificates on P-256 in plain Python: a minimal host has no `openssl`, and the standard library makes none.

The arithmetic leaks its timing, which is acceptable for test keys alone.
"""

from __future__ import annotations

import base64
import calendar
import hashlib
import ipaddress
import secrets
import time

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
YEARS = 10
EC_KEY, P256, ECDSA = "2a8648ce3d0201", "2a8648ce3d030107", "2a8648ce3d040302"
COMMON_NAME, ORGANISATION = "550403", "55040a"
SERVER, CLIENT = "2b06010505070301", "2b06010505070302"  # extended key usages


class Key:
    """A private key and its public point."""

    def __init__(self, secret: int) -> None:
        self.secret = secret
        x, y = _multiply(secret)
        self.public = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
        self.id = hashlib.sha1(self.public).digest()  # noqa: S324 - the customary key identifier

    @classmethod
    def generate(cls) -> Key:
        return cls(secrets.randbelow(N - 1) + 1)

    @classmethod
    def load(cls, pem: str) -> Key:
        """Read a key that `pem` wrote. Refuses others."""
        body = base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("--")))
        if body[2:7] != b"\x02\x01\x01\x04\x20":
            raise ValueError("the stand-in reads only keys of its own making")
        return cls(int.from_bytes(body[7:39], "big"))

    def pem(self) -> str:
        secret = _der(0x04, self.secret.to_bytes(32, "big"))
        point = _der(0xA1, _der(0x03, b"\0" + self.public))
        return _pem("EC PRIVATE KEY", _der(0x30, _integer(1), secret, _der(0xA0, _oid(P256)), point))

    def sign(self, message: bytes) -> bytes:
        digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
        nonce = secrets.randbelow(N - 1) + 1
        r = _multiply(nonce)[0] % N
        s = pow(nonce, -1, N) * (digest + r * self.secret) % N
        return _der(0x30, _integer(r), _integer(s))


def authority(key: Key, name: str) -> str:
    """A self-signed CA certificate."""
    # sign certificates, digital signature
    usage = _extension("551d0f", _der(0x03, b"\x02\xa4"), critical=True)
    basic = _extension("551d13", _der(0x30, _der(0x01, b"\xff")), critical=True)
    return _certificate(key, _name(name), key, _name(name), usage + basic)


def issue(key: Key, name: str, organisation: str, ca: Key, ca_name: str, usage: str, hosts: list[str]) -> str:
    """A certificate for a server (with its names and addresses) or a client."""
    extensions = _extension("551d0f", _der(0x03, b"\x05\xa0"), critical=True)
    extensions += _extension("551d13", _der(0x30), critical=True)
    extensions += _extension("551d25", _der(0x30, *map(_oid, usage.split())))
    if hosts:
        extensions += _extension("551d11", _der(0x30, *[_host(host) for host in hosts]))
    return _certificate(key, _name(name, organisation), ca, _name(ca_name), extensions)


def _certificate(key: Key, subject: bytes, ca: Key, issuer: bytes, extensions: bytes) -> str:
    algorithm = _der(0x30, _oid(ECDSA))
    public = _der(0x30, _der(0x30, _oid(EC_KEY), _oid(P256)), _der(0x03, b"\0" + key.public))
    now = time.gmtime(time.time() - 3600)
    later = time.gmtime(calendar.timegm((now.tm_year + YEARS, now.tm_mon, min(now.tm_mday, 28), 0, 0, 0)))
    identifiers = _extension("551d0e", _der(0x04, key.id)) + _extension(
        "551d23", _der(0x30, _der(0x80, ca.id))
    )
    body = _der(
        0x30,
        _der(0xA0, _integer(2)),
        _integer(secrets.randbits(120)),
        algorithm,
        issuer,
        _der(0x30, _time(now), _time(later)),
        subject,
        public,
        _der(0xA3, _der(0x30, extensions, identifiers)),
    )
    return _pem("CERTIFICATE", _der(0x30, body, algorithm, _der(0x03, b"\0" + ca.sign(body))))


def _name(common: str, organisation: str = "") -> bytes:
    parts = [(ORGANISATION, organisation)] if organisation else []
    parts.append((COMMON_NAME, common))
    return _der(0x30, *[_der(0x31, _der(0x30, _oid(oid), _der(0x0C, text.encode()))) for oid, text in parts])


def _host(host: str) -> bytes:
    try:
        return _der(0x87, ipaddress.ip_address(host).packed)
    except ValueError:
        return _der(0x82, host.encode("idna"))


def _extension(oid: str, value: bytes, critical: bool = False) -> bytes:
    return _der(0x30, _oid(oid), _der(0x01, b"\xff") if critical else b"", _der(0x04, value))


def _time(moment: time.struct_time) -> bytes:
    return _der(0x17, time.strftime("%y%m%d%H%M%SZ", moment).encode())


def _oid(encoded: str) -> bytes:
    return _der(0x06, bytes.fromhex(encoded))


def _integer(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    length = bytes([size]) if size < 128 else b""
    if not length:
        octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
        length = bytes([0x80 | len(octets)]) + octets
    return bytes([tag]) + length + body


def _pem(kind: str, body: bytes) -> str:
    text = base64.b64encode(body).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""])


def _multiply(scalar: int) -> tuple[int, int]:
    """The base point times a scalar, by doubling and adding; None is the point at infinity."""
    total: tuple[int, int] | None = None
    for bit in bin(scalar)[2:]:
        total = _add(total, total)
        if bit == "1":
            total = _add(total, G)
    if total is None:
        raise ValueError("not a private key")
    return total


def _add(a: tuple[int, int] | None, b: tuple[int, int] | None) -> tuple[int, int] | None:
    if a is None or b is None:
        return a or b
    if a == b:
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) % P
    elif a[0] == b[0]:
        return None
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P
