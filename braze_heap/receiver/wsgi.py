"""WSGI application for a receiver."""

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
    WSGI application for gunicorn, waitress and others. Every path is the endpoint.

    Args:
        receiver: Receiver to serve.
    """

    def __init__(self, receiver: Receiver) -> None:
        require_receiver("WSGIReceiver", receiver, Receiver)
        self.receiver = receiver

    def __call__(
        self, environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Serve one request."""
        response = self.receiver.handle(to_request(environ))
        phrase = HTTPStatus(response.status).phrase
        start_response(f"{response.status} {phrase}", list(response.headers))
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [response.body]


def to_request(environ: Environ) -> Request:
    """Return the request of a WSGI environment. Its body is read on iteration."""
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-"), value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    return Request(environ.get("REQUEST_METHOD", ""), headers, _body(environ))


def _body(environ: Environ) -> Iterator[bytes]:
    """
    Read ``CONTENT_LENGTH`` bytes, or up to the end if the server detects it.

    Without a length and without chunks the body is empty, and reading would block.
    """
    stream, length = environ.get("wsgi.input"), environ.get("CONTENT_LENGTH")
    detects_end = bool(environ.get("wsgi.input_terminated"))
    if "HTTP_TRANSFER_ENCODING" in environ:
        # a server that does not decode chunks may present an empty body: not a probe
        first = _read(stream, _CHUNK)
        if not first and not detects_end:
            raise IncompleteBodyError
        yield first
        yield from iter(lambda: _read(stream, _CHUNK), b"")
    elif length:
        left = int(length) if length.isdecimal() else -1
        while left:
            piece = _read(stream, min(left, _CHUNK)) if left > 0 else b""
            if not piece:
                raise IncompleteBodyError
            left -= len(piece)
            yield piece
    elif detects_end:
        yield from iter(lambda: _read(stream, _CHUNK), b"")


def _read(stream: Any, size: int) -> bytes:
    try:
        piece: bytes = stream.read(size)
    except OSError:
        raise IncompleteBodyError from None
    return piece
