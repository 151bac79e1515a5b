"""
A receiver in a Flask application.
"""

from __future__ import annotations

from collections.abc import Callable

from braze_heap._errors import requires_extra
from braze_heap.receiver._receiver import Receiver, require_receiver
from braze_heap.receiver.wsgi import request_of

with requires_extra(__name__, "flask"):
    import flask

__all__ = ["view"]


def view(receiver: Receiver) -> Callable[[], flask.Response]:
    """
    Return the view: ``app.post("/braze")(view(receiver))``.

    The body is read from the WSGI environment: Flask takes a chunked one for empty.
    """
    require_receiver("view", receiver, Receiver)

    def braze() -> flask.Response:
        response = receiver.handle(request_of(flask.request.environ))
        return flask.Response(response.body, response.status, list(response.headers))

    return braze
