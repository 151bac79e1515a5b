"""Flask view for a receiver."""

from __future__ import annotations

from collections.abc import Callable

from braze_heap._errors import requires_extra
from braze_heap.receiver._receiver import Receiver, require_receiver
from braze_heap.receiver.wsgi import to_request

with requires_extra(__name__, "'braze_heap[flask]'"):
    import flask

__all__ = ["view"]


def view(receiver: Receiver) -> Callable[[], flask.Response]:
    """
    Return the view: ``app.post("/braze")(view(receiver))``.

    It reads the WSGI environment, because Flask treats a chunked body as empty.
    """
    require_receiver("view", receiver, Receiver)

    def braze() -> flask.Response:
        response = receiver.handle(to_request(flask.request.environ))
        return flask.Response(response.body, response.status, list(response.headers))

    return braze
