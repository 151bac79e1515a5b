"""
A receiver as a WSGI application.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from braze_heap.receiver._messages import BodyCut, Request
from braze_heap.receiver._receiver import Receiver

Environ: TypeAlias = Mapping[str, Any]

_CHUNK: Final = 1 << 16


class WSGIReceiver:
    """
    Runs under gunicorn, waitress, mod_wsgi and others. Every path is the endpoint.

    Args:
        receiver: The endpoint.
    """

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def __call__(
        self, environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """
        Serve one request.
        """
        response = self.receiver.handle(request_of(environ))
        phrase = HTTPStatus(response.status).phrase
        start_response(f"{response.status} {phrase}", list(response.headers))
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [response.body]


def request_of(environ: Environ) -> Request:
    """
    Return the request of a WSGI environment; its body is read when it is asked for.
    """
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-"), value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    return Request(environ.get("REQUEST_METHOD", ""), headers, _body(environ))


def _body(environ: Environ) -> Iterator[bytes]:
    """
    Read what the server says there is: so many bytes, or up to the end if it found it.

    Without a length and without chunks there is no body, and reading would hang.
    """
    length = environ.get("CONTENT_LENGTH") or ""
    is_chunked = "HTTP_TRANSFER_ENCODING" in environ
    if length.isdecimal() and not is_chunked:
        yield from _counted(environ["wsgi.input"], int(length))
    elif is_chunked or environ.get("wsgi.input_terminated"):
        yield from iter(lambda: environ["wsgi.input"].read(_CHUNK), b"")


def _counted(stream: Any, left: int) -> Iterator[bytes]:
    while left:
        piece = stream.read(min(left, _CHUNK))
        if not piece:
            raise BodyCut
        left -= len(piece)
        yield piece
