"""Tests of the receiver's log: each response except 2xx has its cause in it."""

import contextlib
import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from braze_heap import Pipeline, SinkUnavailable, Transformer
from braze_heap.exceptions import DeadLetterError
from braze_heap.receiver import IncompleteBodyError, Limits, Receiver, Request
from braze_heap.sinks import MemorySink, Receipt
from tests.receiver.test_contract import batch, click
from tests.receiver.transports import AUTHORIZED, TOKEN, MemoryDeadLetter

BATCH = batch(click())
LIMITS = Limits(events=2, body=4_000, in_flight=5_000, requests=1)


class Failing(MemorySink):
    """Sink that raises its failure, if set."""

    failure: Exception | None = None

    def send(self, calls: Any, /) -> Receipt:
        if self.failure:
            raise self.failure
        return super().send(calls)


def broken_off() -> Iterator[bytes]:
    """Yield some bytes, then raise as if the sender disconnected."""
    yield b'{"events": ['
    raise IncompleteBodyError


@attrs.frozen
class Case:
    """A failing request, with the expected status and cause."""

    status: int
    cause: str
    body: bytes | Callable[[], Iterator[bytes]] = BATCH
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = (AUTHORIZED,)
    failure: Exception | None = None
    dead: Exception | None = None
    is_closed: bool = False
    is_busy: bool = False


AWAY = DeadLetterError("the dead letter is away")
CASES = [
    Case(401, "no Authorization header", headers=()),
    Case(401, "wrong bearer token", headers=(("Authorization", "Bearer canary"),)),
    Case(401, "wrong bearer token", headers=(("Authorization", "Basic canary"),)),
    Case(405, "method is not POST", method="canary"),
    Case(415, "is not gzip", headers=(AUTHORIZED, ("Content-Encoding", "canary"))),
    Case(
        413, "more than 2 events or 4,000 bytes", batch(*(click(id=i) for i in "abc"))
    ),
    Case(413, "larger than 5,000 bytes", b"canary" * 1_000),
    Case(400, "unreadable: .* in the dead letter", b"canary"),
    Case(503, "sender disconnected", broken_off),
    Case(503, "the sender has to repeat it: down", failure=SinkUnavailable("down")),
    Case(503, "raised OSError errno 28 ENOSPC in send", failure=OSError(28, "canary")),
    Case(503, "raised KeyError in send", failure=KeyError("canary")),
    Case(429, "too fast", failure=SinkUnavailable("too fast", throttled=True)),
    Case(503, "letter is away", batch(click(time=None)), dead=AWAY),
    Case(503, "Cannot store .* body .* letter is away", b"canary", dead=AWAY),
    Case(503, "receiver is closing", is_closed=True),
    Case(503, "all 1 batch slots are in use", is_busy=True),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.status} {case.cause}")
def test_each_response_except_200_has_its_cause_in_the_log(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The first occurrence at once, then one line a minute, without values or tokens.
    """
    now = 0.0
    sink, dead = Failing(), MemoryDeadLetter()
    sink.failure, dead.failure = case.failure, case.dead
    dead_letter: Any = dead
    pipeline = Pipeline(Transformer(), sink, dead_letter, clock=lambda: now)
    receiver = Receiver(pipeline, TOKEN, limits=LIMITS, clock=lambda: now)
    if case.is_closed:
        receiver.close(0)
    slot = receiver._admission.slot() if case.is_busy else contextlib.nullcontext()

    with slot:
        for now in (0.0, 59.0, 60.0):  # noqa: B007 (the clock reads it)
            body = case.body() if callable(case.body) else case.body
            response = receiver.handle(Request(case.method, case.headers, body))
            assert response.status == case.status

    first, second = caplog.records
    assert first.levelno >= logging.WARNING
    assert re.search(case.cause, first.getMessage())
    context: dict[str, object] = vars(first)["braze_context"]
    assert "outcome" in context or context["status"] == case.status
    assert second.getMessage() == f"{first.getMessage()} (1 more since the last line)"
    shown = [str(vars(record)) for record in caplog.records]
    assert [text for text in shown if "canary" in text or TOKEN in text] == []


def test_a_configuration_error_is_logged_as_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An unavailable sink is a warning; a misconfigured one is an error."""
    sink = Failing()
    pipeline = Pipeline(Transformer(), sink, MemoryDeadLetter())  # type: ignore[arg-type]
    for misconfigured in (False, True):
        detail = f"cause {misconfigured}"
        sink.failure = SinkUnavailable(detail, misconfigured=misconfigured)
        with pytest.raises(SinkUnavailable):
            pipeline.run([click()])

    assert [r.levelname for r in caplog.records] == ["WARNING", "ERROR"]


UNCONFIGURED = """
import json
import braze_heap as bh
from braze_heap.receiver import Receiver, Request
from braze_heap.testing import FakeHeap, make_raw
from braze_heap.testing.fake_heap import Status

with FakeHeap() as heap:
    heap.always(Status(404))
    sink = bh.HeapSink("11", base_url=heap.url, allow_http=True)
    receiver = Receiver(bh.Pipeline(bh.Transformer(), sink, bh.DISCARD), "a" * 16)
    body = json.dumps({"events": [make_raw("users.messages.email.Click")]}).encode()
    for token in ("a" * 16, "b" * 16):
        receiver.handle(Request("POST", {"Authorization": f"Bearer {token}"}, body))
"""


def test_the_log_is_visible_without_configuration() -> None:
    """Without logging configuration, stderr shows why nothing arrives."""
    command = [sys.executable, "-c", UNCONFIGURED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    delivery, token = done.stderr.splitlines()
    assert re.search(
        r": 127.0.0.1:\d+ answers 404 to /api/track; check app_id", delivery
    )
    assert "(401): wrong bearer token" in token
    assert json.dumps("a" * 16) not in done.stderr
