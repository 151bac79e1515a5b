"""Tests of the Flask view."""

import io
from typing import Any

import flask
import pytest

from braze_heap.receiver.flask import view
from tests.receiver.test_contract import batch, click
from tests.receiver.transports import TOKEN, Endpoint, wsgi

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def there() -> Any:
    return Endpoint(wsgi)


@pytest.fixture
def client(there: Endpoint) -> Any:
    app = flask.Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 10
    app.post("/braze")(view(there.receiver))
    return app.test_client()


def test_flasks_limit_does_not_apply(there, client):
    """200: MAX_CONTENT_LENGTH would cause a 413 that splitting does not fix."""
    answer = client.post("/braze", data=batch(click()), headers=HEADERS)

    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert len(there.sink.calls) == 1


def test_a_chunked_body_is_read(there, client):
    """200: Flask itself treats a chunked body as empty."""
    answer = client.post(
        "/braze",
        input_stream=io.BytesIO(batch(click())),
        headers={**HEADERS, "Transfer-Encoding": "chunked"},
    )

    assert (answer.status_code, len(there.sink.calls)) == (200, 1)


def test_the_response_has_its_headers_once(client):
    """401 with one WWW-Authenticate header."""
    answer = client.post("/braze", data=b"x")

    assert answer.status_code == 401
    assert answer.headers.getlist("www-authenticate") == ["Bearer"]
    assert len(answer.headers.getlist("content-type")) == 1
