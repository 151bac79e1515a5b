"""Tests of the WSGI application, with the ways in which servers describe a body."""

import contextlib
import io
import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from werkzeug.serving import make_server as make_werkzeug

from braze_heap.receiver.wsgi import WSGIReceiver
from tests.receiver.serving import Wire, chunked, counted, head
from tests.receiver.test_contract import batch, click
from tests.receiver.transports import TOKEN, Endpoint, wsgi

CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked"}
TERMINATED = {"wsgi.input_terminated": True}


@pytest.fixture
def there() -> Any:
    return Endpoint(wsgi)


class Untouchable(io.BytesIO):
    """Body that must not be read."""

    def read(self, size: Any = -1, /) -> bytes:
        raise AssertionError


class Torn(io.BytesIO):
    """Body whose reading raises, as those of servers do."""

    def read(self, size: Any = -1, /) -> bytes:
        raise ConnectionResetError


def ask(there: Endpoint, stream: Any, **environ: Any) -> int:
    given = {
        "REQUEST_METHOD": "POST",
        "HTTP_AUTHORIZATION": f"Bearer {TOKEN}",
        "wsgi.input": stream,
        **environ,
    }
    started: list[str] = []
    app = WSGIReceiver(there.receiver)
    list(app(given, lambda status, headers: started.append(status)))
    return int(started[0][:3])


def nothing(there: Endpoint) -> bool:
    return not there.sink.calls and not there.dead.records


def test_the_body_is_not_read_before_the_token_is_checked(there):
    """401: the body is not read."""
    denied = {"HTTP_AUTHORIZATION": "Bearer other", "CONTENT_LENGTH": "5"}

    assert ask(there, Untouchable(), **denied) == 401


@pytest.mark.parametrize("length", ["abc", "-5", "1.5", "0x10", "5, 5", "9" * 5000])
def test_an_invalid_length_is_not_a_probe(there, length):
    """503: a batch with an invalid length is not read, so it is not accepted."""
    status = ask(there, io.BytesIO(batch(click())), CONTENT_LENGTH=length)

    assert (status, nothing(there)) == (503, True)


def test_a_short_body_is_not_processed(there):
    """503: fewer bytes than announced are neither delivered nor stored."""
    body = batch(click())

    status = ask(there, io.BytesIO(body), CONTENT_LENGTH=str(len(body) + 1))

    assert (status, nothing(there)) == (503, True)


def test_a_body_that_raises_is_not_processed(there):
    """503: an OSError of the stream means that the sender disconnected."""
    assert ask(there, Torn(), CONTENT_LENGTH="9") == 503
    assert ask(there, Torn(), **CHUNKED, **TERMINATED) == 503
    assert nothing(there)


def test_only_the_length_is_read(there):
    """200: later bytes of the connection are another request."""
    body = batch(click())
    stream = io.BytesIO(body + b"GET / HTTP/1.1")

    assert ask(there, stream, CONTENT_LENGTH=str(len(body))) == 200
    assert stream.read() == b"GET / HTTP/1.1"


@pytest.mark.parametrize("told", [{}, TERMINATED], ids=["untold", "terminated"])
@pytest.mark.parametrize("length", ["", None, "5"])
def test_chunks_are_read_to_their_end(there, told, length):
    """200: a length is ignored for a chunked body."""
    lengths = {} if length is None else {"CONTENT_LENGTH": length}

    status = ask(there, io.BytesIO(batch(click())), **CHUNKED, **told, **lengths)

    assert (status, len(there.sink.calls)) == (200, 1)


def test_hidden_chunks_are_not_a_probe(there):
    """503: an empty body is accepted only if the server decodes chunks."""
    assert ask(there, io.BytesIO(), **CHUNKED) == 503
    assert ask(there, io.BytesIO(), **CHUNKED, **TERMINATED) == 200


def test_a_body_without_a_length_is_not_read(there):
    """200: the request is a probe; reading its stream could block."""
    assert ask(there, Untouchable()) == 200
    assert ask(there, Untouchable(), CONTENT_LENGTH="0") == 200


def test_the_application_is_valid_wsgi(there):
    """The validator of the standard library accepts a POST and a HEAD."""
    for method in ("POST", "HEAD"):
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "HTTP_AUTHORIZATION": f"Bearer {TOKEN}",
            "CONTENT_LENGTH": str(len(batch(click()))),
            "CONTENT_TYPE": "application/json",
            "QUERY_STRING": "",
            "wsgi.input": io.BytesIO(batch(click())),
        }
        setup_testing_defaults(environ)
        app = validator(WSGIReceiver(there.receiver))

        answer = app(environ, lambda *started: lambda data: None)

        assert (method == "POST") == bool(b"".join(answer))
        answer.close()  # type: ignore[attr-defined]


class Quiet(WSGIRequestHandler):
    """Request handler that does not log."""

    def log_message(self, *args: Any) -> None: ...


@contextlib.contextmanager
def serving(server: Any) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def reference(app: Any) -> Any:
    return make_server("127.0.0.1", 0, app, handler_class=Quiet)


def werkzeug(app: Any) -> Any:
    from werkzeug.serving import WSGIRequestHandler as Handler

    class QuietHandler(Handler):
        def log(self, *args: Any) -> None: ...

    return make_werkzeug("127.0.0.1", 0, app, request_handler=QuietHandler)


@pytest.mark.parametrize("make", [reference, werkzeug])
def test_a_real_server_passes_complete_batches_only(there, make):
    """200 for a complete body; an incomplete one is not processed."""
    body = batch(click())
    with serving(make(WSGIReceiver(there.receiver))) as port:
        with Wire(port) as wire:
            wire.send(head(f"Content-Length: {len(body)}") + body[:-1])
            wire.close_sending()
            assert wire.status() == 503
        with Wire(port) as wire:
            wire.send(counted(body))
            assert wire.status() == 200

    assert (len(there.sink.calls), there.dead.records) == (1, [])


def test_a_real_server_passes_chunked_bodies(there):
    """200: chunks joined by werkzeug's server; incomplete ones are not processed."""
    request = chunked(batch(click()), 100)
    with serving(werkzeug(WSGIReceiver(there.receiver))) as port:
        with Wire(port) as wire:
            wire.send(request[:-20])
            wire.close_sending()
            assert wire.status() == 503
        with Wire(port) as wire:
            wire.send(request)
            assert wire.status() == 200

    assert (len(there.sink.calls), there.dead.records) == (1, [])
