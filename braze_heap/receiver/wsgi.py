"""
A receiver as a WSGI application.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from braze_heap.receiver._http import IncompleteBodyError, Request
from braze_heap.receiver._receiver import Receiver, require_receiver

__all__ = ["WSGIReceiver"]

Environ: TypeAlias = Mapping[str, Any]

_CHUNK: Final = 1 << 16


class WSGIReceiver:
    """
    Runs under gunicorn, waitress, mod_wsgi and others. Every path is the endpoint.

    Args:
        receiver: The endpoint.
    """

    def __init__(self, receiver: Receiver) -> None:
        require_receiver("WSGIReceiver", receiver, Receiver)
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
    stream, length = environ.get("wsgi.input"), environ.get("CONTENT_LENGTH")
    finds_end = bool(environ.get("wsgi.input_terminated"))
    if "HTTP_TRANSFER_ENCODING" in environ:
        yield from _up_to_the_end(stream, may_be_empty=finds_end)
    elif length:
        yield from _counted(stream, length)
    elif finds_end:
        yield from _up_to_the_end(stream, may_be_empty=True)


def _up_to_the_end(stream: Any, *, may_be_empty: bool) -> Iterator[bytes]:
    """
    Read on until there is no more.

    A server that leaves chunks alone may show an empty body in their place: no probe.
    """
    is_empty = True
    while piece := _read(stream, _CHUNK):
        is_empty = False
        yield piece
    if is_empty and not may_be_empty:
        raise IncompleteBodyError


def _counted(stream: Any, length: str) -> Iterator[bytes]:
    if not length.isdecimal():
        raise IncompleteBodyError
    left = int(length)
    while left:
        piece = _read(stream, min(left, _CHUNK))
        if not piece:
            raise IncompleteBodyError
        left -= len(piece)
        yield piece


def _read(stream: Any, size: int) -> bytes:
    try:
        piece: bytes = stream.read(size)
    except OSError:
        raise IncompleteBodyError from None
    return piece
