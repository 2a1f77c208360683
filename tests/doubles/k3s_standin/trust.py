"""The trust of a joining node in the cluster, and the CAs that a joining server gets."""

from __future__ import annotations

import hashlib
import json
import ssl
from typing import Any

from .client import Client
from .log import fatal, warning


class JoinError(Exception):
    """The server is unreachable, has another CA than the token, or refuses the token."""


def secret_of(token: str) -> str:
    """The password inside a token, short or in full (`K10<hash>::<user>:<password>`)."""
    if not token.startswith("K10"):
        return token
    credentials = token.partition("::")[2]
    if ":" not in credentials:
        fatal(
            "failed to normalize token; must be in format K10<CA-HASH>::<USERNAME>:<PASSWORD> or <PASSWORD>"
        )
    return credentials.partition(":")[2]


def trusted(url: str, token: str, user: str) -> Client:
    """A client that trusts the server's CA, verified by the hash in a full token, unverified with a short one."""
    _, ca = Client(url).request("GET", "/cacerts")
    actual = hashlib.sha256(ca.encode()).hexdigest()
    if token.startswith("K10"):
        expected, _, credentials = token[3:].partition("::")
        user = credentials.partition(":")[0]
        if expected != actual:
            raise JoinError(
                f"token CA hash does not match the Cluster CA certificate hash: {expected} != {actual}"
            )
    else:
        warning(
            "Cluster CA certificate is not trusted by the host CA bundle, but the token does not include a "
            "CA hash. Use the full token from the server's node-token file to enable Cluster CA validation."
        )
    try:
        return Client(url, ca, basic=f"{user}:{secret_of(token)}")
    except ssl.SSLError as problem:
        raise JoinError(f"failed to get CA certs: {problem}") from None


def bootstrap_of(url: str, token: str) -> dict[str, Any]:
    """The CAs of the cluster that a server joins. An error ends the process, as in K3s."""
    try:
        code, text = trusted(url, token, "server").request("GET", "/v1-skerry-double/bootstrap")
    except (JoinError, OSError) as error:
        fatal(f"starting kubernetes: preparing server: failed to get CA certs: {error}")
    if code == 401:
        fatal("starting kubernetes: preparing server: failed to validate token: not authorized")
    if code != 200:
        fatal(f"starting kubernetes: preparing server: {url}: {json.loads(text).get('message', text)}")
    found: dict[str, Any] = json.loads(text)
    return found
