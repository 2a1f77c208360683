"""GET requests from this machine, by httpx."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from skerry.model.errors import InputError

if TYPE_CHECKING:
    import httpx

# Seconds to wait for the connection, and then for each piece of the answer.
TIMEOUT_SECONDS = 20
MAX_REDIRECTS = 10


class Unreachable(RuntimeError):
    """A server could not be asked, or did not send all of its answer. The message is one line: URL and cause."""


@contextmanager
def get(url: str, token_header: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
    """Stream the answer to a GET request, whatever its status. Raises Unreachable, also while the body is read.

    Proxies and CA certificates are those of the system and the environment; InputError if the proxy is no HTTP proxy.
    Redirects are followed, except from HTTPS to HTTP, and except to another server with `token_header`.
    """
    # These imports take 0.1 s, which only programs that make requests should pay.
    import ssl

    import httpx

    # By default, httpx trusts certifi's certificates, not the system's, and fails if ALL_PROXY is a SOCKS proxy.
    certificates = ssl.create_default_context()
    headers = {"Accept-Encoding": "identity", **(token_header or {})}
    try:
        location = httpx.URL(url)
        with ExitStack() as stack:
            for _ in range(MAX_REDIRECTS + 1):
                request = httpx.stream(
                    "GET", location, headers=headers, proxy=_proxy(location), verify=certificates,
                    timeout=TIMEOUT_SECONDS, trust_env=False,
                )  # fmt: skip
                response = stack.enter_context(request)
                if response.next_request is None:
                    yield response
                    return
                target = response.next_request.url
                _check_redirect(location, target, with_token=bool(token_header))
                location = target
            raise Unreachable(f"{url} cannot be reached: it redirects more than {MAX_REDIRECTS} times")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"{url} cannot be reached: {str(error) or type(error).__name__}") from error


@contextmanager
def download(url: str) -> Iterator[httpx.Response]:
    """Stream the answer to a GET request that succeeds. Raises Unreachable also for any other status."""
    with get(url) as response:
        if not response.is_success:
            raise Unreachable(
                f"{url} cannot be reached: HTTP {response.status_code} {response.reason_phrase}"
            )
        yield response


def _check_redirect(source: httpx.URL, target: httpx.URL, with_token: bool) -> None:
    """Raise Unreachable for a redirect that would give up encryption or send the token to another server."""
    server = f"{target.scheme}://{target.netloc.decode()}"
    if source.scheme == "https" and target.scheme != "https":
        raise Unreachable(f"{source} cannot be reached: it redirects to {server}, which is not encrypted")
    if with_token and (source.scheme, source.netloc) != (target.scheme, target.netloc):
        raise Unreachable(
            f"{source} cannot be reached: it redirects to {server}, which may not see the token"
        )


def _proxy(url: httpx.URL) -> str | None:
    """Returns the proxy for a URL, or None: by http_proxy, https_proxy and no_proxy, or macOS's or Windows' settings.

    Raises InputError if the proxy is not an HTTP proxy.
    """
    from urllib.request import getproxies, proxy_bypass

    proxy = None if proxy_bypass(url.netloc.decode()) else getproxies().get(url.scheme)
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    if proxy and not proxy.startswith(("http://", "https://")):
        raise InputError(f"{url.scheme}_proxy in the environment is not an HTTP proxy; correct or unset it")
    return proxy
