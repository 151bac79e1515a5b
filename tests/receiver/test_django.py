"""
A receiver in a Django project. Django is set up once a process, so it has its own.
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

def told(name, answer):
    seen[name] = [answer.status_code, len(there.sink.calls), len(there.dead.records)]
    there.sink.calls.clear()

seen = {}
client = Client(enforce_csrf_checks=True)
post = client.generic
told("wsgi", post("POST", "/braze", BODY, JSON, **known))
told("unknown", post("POST", "/braze", BODY, JSON))
chunks = {**known, "wsgi.input": io.BytesIO(BODY), "HTTP_TRANSFER_ENCODING": "chunked",
          "CONTENT_LENGTH": ""}
told("chunked", post("POST", "/braze", b"", JSON, **chunks))
short = {**known, "wsgi.input": io.BytesIO(BODY[:-1]), "CONTENT_LENGTH": len(BODY)}
told("short", post("POST", "/braze", b"x", JSON, **short))
told("get", client.get("/braze", **known))
other = AsyncClient(enforce_csrf_checks=True)
headers = {"headers": {"authorization": f"Bearer {TOKEN}"}}
told("asgi", asyncio.run(other.generic("POST", "/braze", BODY, JSON, **headers)))
told("read before", post("POST", "/braze", BODY, JSON, HTTP_X_READS="1", **known))
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
def test_a_batch_is_settled_past_the_limit_for_forms(seen, way):
    """
    200 without a CSRF token, whatever DATA_UPLOAD_MAX_MEMORY_SIZE is.
    """
    assert seen[way] == [200, 1, 0]


def test_a_short_body_is_not_processed(seen):
    """
    503: fewer bytes than were announced, which Django takes for all.
    """
    assert seen["short"] == [503, 0, 0]


def test_a_body_that_was_read_before_is_found(seen):
    """
    200: a middleware that has read the body, as Django lets it, does no harm.
    """
    assert seen["read before"] == [200, 1, 0]


def test_the_door_is_the_receivers(seen):
    """
    401 and 405 without a redirect to a login.
    """
    assert (seen["unknown"], seen["get"]) == ([401, 0, 0], [405, 0, 0])
    assert seen["login_required"] is False
