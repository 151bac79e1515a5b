"""
An endpoint for Currents events that answers by a script, as a callable or on a port.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

from attrs import Factory, define, frozen

from braze_heap.receiver import Request

Answer: TypeAlias = int | tuple[int, dict[str, str]] | type[Exception]
"""A status, perhaps with headers, or what is raised in place of an answer."""


@frozen
class Answered:
    """The least that an endpoint returns."""

    status: int
    headers: dict[str, str] = Factory(dict)


@define
class Endpoint:
    """Answers by *script*, then with *then*; keeps what came."""

    script: list[Answer] = Factory(list)
    then: Answer = 200
    requests: list[Request] = Factory(list)
    taken: list[Any] = Factory(list)

    def __call__(self, request: Request) -> Answered:
        """Answer one request."""
        self.requests.append(request)
        answer = self.script.pop(0) if self.script else self.then
        if isinstance(answer, type):
            raise answer("on purpose")
        status, headers = (answer, {}) if isinstance(answer, int) else answer
        if 200 <= status < 300:
            self.taken += events_of(request)
        return Answered(status, headers)

    @property
    def batches(self) -> list[list[Any]]:
        """The events of each request."""
        return [events_of(request) for request in self.requests]


def events_of(request: Request) -> list[Any]:
    """Read the events of *request*; none of an empty body."""
    assert isinstance(request.body, bytes)
    return json.loads(request.body)["events"] if request.body else []


@contextlib.contextmanager
def listening(endpoint: Endpoint) -> Iterator[str]:
    """Serve *endpoint* on a port of the loopback interface, and give its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                answered = endpoint(Request(self.command, self.headers.items(), body))
            except (ConnectionError, TimeoutError):
                return
            self.send_response(answered.status)
            for name, value in answered.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def ids(events: Sequence[Any]) -> list[Any]:
    """Return the ids of *events*."""
    return [event["id"] for event in events]
