"""Requests of a simulated Braze to an endpoint: over HTTP, or by calling it."""

from __future__ import annotations

import contextlib
import functools
import http.client
import re
import ssl
from collections.abc import Callable
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlsplit

from braze_heap.heap._answers import Answer, Failure
from braze_heap.receiver import Request

TIMEOUT: Final = 30.0
"""Seconds without a byte after which a request fails; assumed."""

Endpoint: TypeAlias = str | Callable[[Request], Any]
"""A URL, or a function from a request to an object with ``status`` and ``headers``."""

Reply: TypeAlias = Answer | Failure


def post_to(endpoint: Endpoint, token: str | None) -> Callable[[bytes], Reply]:
    """
    Return a function that posts a body to *endpoint*. It does not follow redirects.

    Raises:
        ValueError: *endpoint* is not a URL for Braze, or *token* is not a bearer token.
    """
    headers = {"Content-Type": "application/json", "Braze-Currents-Version": "1"}
    if token is not None:
        if not _TOKEN.fullmatch(token):
            raise ValueError(
                "The token has characters that a bearer token cannot have (RFC 6750): "
                "use letters, digits and - . _ ~ + / with = at the end."
            )
        headers["Authorization"] = f"Bearer {token}"
    if callable(endpoint):
        return functools.partial(_call, endpoint, headers)
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("Write the URL as https://host/path, without a user name.")
    target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    kind: type[http.client.HTTPConnection] = http.client.HTTPConnection
    options: dict[str, Any] = {"port": parts.port, "timeout": TIMEOUT}
    if parts.scheme == "https":
        kind = http.client.HTTPSConnection
        options["context"] = ssl.create_default_context()
    connect = functools.partial(kind, parts.hostname, **options)
    return functools.partial(_exchange, connect, quote(target, _RESERVED), headers)


_TOKEN: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")

_RESERVED: Final = "/?:@!$&'()*+,;=%~"
"""Characters of paths and queries that are not quoted (RFC 3986, 3.3 and 3.4)."""


def _call(
    endpoint: Callable[[Request], Any], headers: dict[str, str], body: bytes
) -> Reply:
    try:
        response = endpoint(Request("POST", headers.items(), body))
    except (ConnectionError, TimeoutError) as error:
        return Failure(type(error).__name__)
    answered = dict(Request(headers=response.headers).headers)
    return Answer(response.status, answered.get("retry-after"))


def _exchange(
    connect: Callable[[], http.client.HTTPConnection],
    target: str,
    headers: dict[str, str],
    body: bytes,
) -> Reply:
    with contextlib.closing(connect()) as connection:
        try:
            connection.connect()
            # An endpoint that answers 401 may close without reading. Its answer counts.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", target, body, headers)
            response = connection.getresponse()
            response.read1(4096)
        except (OSError, http.client.HTTPException) as error:
            return Failure(type(error).__name__)
        return Answer(response.status, response.headers.get("Retry-After"))
