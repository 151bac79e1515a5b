"""Tests of the FastAPI and Starlette endpoint."""

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from braze_heap.receiver.asgi import ASGIReceiver
from braze_heap.receiver.starlette import endpoint
from tests.receiver.test_asgi import http, sent_when_cancelled
from tests.receiver.test_contract import batch, click
from tests.receiver.transports import TOKEN, Endpoint, asgi

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def there() -> Any:
    built = Endpoint(asgi)
    yield built
    built.close()


def added(there: Endpoint) -> Any:
    app = FastAPI()
    app.add_route("/braze", endpoint(there.receiver), ["POST"])
    return app


def decorated(there: Endpoint) -> Any:
    app = FastAPI()
    app.post("/braze")(endpoint(there.receiver))
    return app


def routed(there: Endpoint) -> Any:
    return Starlette(routes=[Route("/braze", ASGIReceiver(there.receiver))])


@pytest.mark.parametrize("make", [added, decorated, routed])
def test_a_request_that_the_server_cancels_gets_a_503(make):
    """At the end of its grace a server would send a 500."""
    scope = http() | {"path": "/braze", "query_string": b"", "root_path": ""}

    sent = sent_when_cancelled(make, scope)

    assert sent[0]["status"] == 503


@pytest.mark.parametrize("make", [added, decorated, routed])
def test_each_kind_of_route_works(there, make):
    """
    200, 401 and 400 come from the receiver, with its headers and without redirects.
    """
    client = TestClient(make(there), follow_redirects=False)

    answers = [
        client.post("/braze", content=batch(click()), headers=HEADERS),
        client.post("/braze", content=batch(click())),
        client.post("/braze", content=b"no JSON", headers=HEADERS),
    ]

    assert [answer.status_code for answer in answers] == [200, 401, 400]
    assert answers[1].headers["www-authenticate"] == "Bearer"
    assert len(there.sink.calls) == 1


def test_a_get_gets_a_405(there):
    """405 with Allow: POST comes from the framework or the receiver."""
    answer = TestClient(routed(there)).get("/braze")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_mount_redirects(there):
    """A mount answers /braze with a 307, so the recipes use a route."""
    app = Starlette(routes=[Mount("/braze", ASGIReceiver(there.receiver))])
    client = TestClient(app, follow_redirects=False)

    assert client.post("/braze", headers=HEADERS).status_code == 307
    assert client.post("/braze/", headers=HEADERS).status_code == 200


@pytest.mark.parametrize(("make", "paths"), [(added, []), (decorated, ["/braze"])])
def test_the_openapi_schema_lists_the_receiver(there, make, paths):
    """With FastAPI's decorator the schema has the receiver, without parameters."""
    schema = TestClient(make(there)).get("/openapi.json").json()

    assert paths == list(schema["paths"])
    assert not any("parameters" in path["post"] for path in schema["paths"].values())
