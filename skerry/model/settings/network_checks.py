"""Checks of settings about networks. Each docstring is the type's description in the settings reference.

A check gets a value of the right Python type and raises InputError, "what is wrong; how to correct it".
"""

from __future__ import annotations

import ipaddress
import re

from skerry.model.errors import InputError


def network(text: str) -> None:
    """Network in CIDR notation, such as "10.42.0.0/16"."""
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        raise InputError(f"{text!r} is not a network; write it as '10.42.0.0/16'") from None
    if "/" not in text:
        raise InputError(f"{text!r} has no prefix length; write it as '10.42.0.0/16'")
    if text != str(interface.network):
        raise InputError(f"{text!r} is an address inside a network; write the network, '{interface.network}'")


def address(text: str) -> None:
    """IP address, or empty."""
    if text and not _is_address(text):
        raise InputError(f"{text!r} is not an IP address; write one, or '' for that of the default route")


def host(text: str) -> None:
    """Host name or IP address."""
    label = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    if not (_is_address(text) or re.fullmatch(rf"(?=.{{1,253}}$){label}(\.{label})*", text)):
        raise InputError(f"{text!r} is neither a host name nor an address; write it without scheme and port")


def forge_host(text: str) -> None:
    """Host name, with an optional port, or empty."""
    if text:
        host(text.partition(":")[0])


def endpoint(text: str) -> None:
    """Host and port, such as "k3s.example.org:6443", or empty."""
    if not text:
        return
    name, colon, port = text.rpartition(":")
    if not (colon and port.isdecimal() and 0 < int(port) < 65536):
        raise InputError(f"{text!r} is not an endpoint; write it as 'k3s.example.org:6443', or ''")
    host(name[1:-1] if name.startswith("[") and name.endswith("]") else name)


def opening(text: str) -> None:
    """Protocol and port or range of ports, such as "tcp/9100" or "udp/60000-61000"."""
    match = re.fullmatch(r"(tcp|udp)/([0-9]+)(-([0-9]+))?", text)
    ports = [int(port) for port in (match[2], match[4]) if port] if match else []
    if not ports or not all(0 < port < 65536 for port in ports) or ports != sorted(ports):
        raise InputError(f"{text!r} is not a port to open; write it as 'tcp/9100' or 'udp/60000-61000'")


def mirror(url: str) -> str:
    """URL such as "https://mirror.example/k3s", or empty."""
    if re.search(r"[@?#]", url):  # the message leaves the URL out: it may hold a password
        raise InputError("may not contain '@', '?' or '#'; write it as 'https://mirror.example/k3s'")
    if url and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", url):
        raise InputError(f"{url!r} is not a mirror; write it as 'https://mirror.example/k3s', or ''")
    return url.rstrip("/")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
