"""
Tests of the Django view, in a separate process because Django is set up only once.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = """
import asyncio, io, json, sys
import django
from django.conf import settings

MIDDLEWARE = ["django.middleware.common.CommonMiddleware",
              "django.middleware.csrf.CsrfViewMiddleware", "__main__.reads"]
settings.configure(ROOT_URLCONF="__main__", ALLOWED_HOSTS=["testserver"],
                   DATA_UPLOAD_MAX_MEMORY_SIZE=10, MIDDLEWARE=MIDDLEWARE,
                   SECRET_KEY="x", LOGGING_CONFIG=None)
django.setup()

from django.test import AsyncClient, Client
from django.urls import path
from braze_heap.receiver.django import view
from tests.receiver.transports import TOKEN, Endpoint, wsgi
from tests.receiver.test_contract import batch, click

there = Endpoint(wsgi)
urlpatterns = [path("braze", view(there.receiver))]
BODY, JSON = batch(click(pad="x" * 100_000)), "application/json"
known = {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}

def reads(get_response):
    def middleware(request):
        if "HTTP_X_READS" in request.META:
            settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
            request.body
        return get_response(request)
    return middleware

def show(name, answer):
    seen[name] = [answer.status_code, len(there.sink.calls), len(there.dead.records)]
    there.sink.calls.clear()

seen = {}
client = Client(enforce_csrf_checks=True)
post = client.generic
show("wsgi", post("POST", "/braze", BODY, JSON, **known))
show("unknown", post("POST", "/braze", BODY, JSON))
chunks = {**known, "wsgi.input": io.BytesIO(BODY), "HTTP_TRANSFER_ENCODING": "chunked",
          "CONTENT_LENGTH": ""}
show("chunked", post("POST", "/braze", b"", JSON, **chunks))
short = {**known, "wsgi.input": io.BytesIO(BODY[:-1]), "CONTENT_LENGTH": len(BODY)}
show("short", post("POST", "/braze", b"x", JSON, **short))
show("get", client.get("/braze", **known))
other = AsyncClient(enforce_csrf_checks=True)
headers = {"headers": {"authorization": f"Bearer {TOKEN}"}}
show("asgi", asyncio.run(other.generic("POST", "/braze", BODY, JSON, **headers)))
show("read before", post("POST", "/braze", BODY, JSON, HTTP_X_READS="1", **known))
seen["login_required"] = view(there.receiver).login_required
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen() -> Any:
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROJECT],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("way", ["wsgi", "chunked", "asgi"])
def test_djangos_limit_for_forms_does_not_apply(seen, way):
    """200 without a CSRF token, regardless of DATA_UPLOAD_MAX_MEMORY_SIZE."""
    assert seen[way] == [200, 1, 0]


def test_a_short_body_is_not_processed(seen):
    """503: fewer bytes than announced, which Django treats as complete."""
    assert seen["short"] == [503, 0, 0]


def test_a_body_read_by_middleware_is_available(seen):
    """200: a middleware may read the body first."""
    assert seen["read before"] == [200, 1, 0]


def test_the_receiver_authenticates(seen):
    """401 and 405 are not redirects to a login page."""
    assert (seen["unknown"], seen["get"]) == ([401, 0, 0], [405, 0, 0])
    assert seen["login_required"] is False
