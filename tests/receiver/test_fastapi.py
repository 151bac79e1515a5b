"""
A receiver in FastAPI and Starlette applications.
"""

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from braze_heap.receiver.asgi import ASGIReceiver
from braze_heap.receiver.starlette import endpoint
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
def test_each_way_to_write_it_answers(there, make):
    """
    200, 401 and 400 are the receiver's, with its headers; nothing redirects.
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


def test_a_route_of_the_application_says_what_it_takes(there):
    """
    405 with Allow: POST comes from the receiver itself where the framework lets it.
    """
    answer = TestClient(routed(there)).get("/braze")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_mount_redirects_what_a_route_does_not(there):
    """
    The reason why the recipes have a route: a mount answers /braze with a 307.
    """
    app = Starlette(routes=[Mount("/braze", ASGIReceiver(there.receiver))])
    client = TestClient(app, follow_redirects=False)

    assert client.post("/braze", headers=HEADERS).status_code == 307
    assert client.post("/braze/", headers=HEADERS).status_code == 200


@pytest.mark.parametrize(("make", "paths"), [(added, []), (decorated, ["/braze"])])
def test_openapi_stays_whole(there, make, paths):
    """
    The schema lists the receiver where FastAPI's decorator is used, with no parameters.
    """
    schema = TestClient(make(there)).get("/openapi.json").json()

    assert paths == list(schema["paths"])
    assert not any("parameters" in path["post"] for path in schema["paths"].values())
