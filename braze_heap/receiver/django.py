"""Django view for a receiver, under WSGI or ASGI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from braze_heap._errors import requires_extra
from braze_heap.receiver._http import Request
from braze_heap.receiver._receiver import Receiver, require_receiver
from braze_heap.receiver.wsgi import to_request

with requires_extra(__name__, "'braze_heap[django]'"):
    from django.core.handlers.wsgi import WSGIRequest
    from django.http import HttpRequest, HttpResponse

__all__ = ["view"]


def view(receiver: Receiver) -> Callable[[HttpRequest], HttpResponse]:
    """
    Return the view: ``path("braze", view(receiver))``.

    It is exempt from CSRF checks and the login middleware, and Django's size limit for
    forms does not apply. A chunked body under WSGI is read from the server, because
    Django treats it as empty.
    """
    require_receiver("view", receiver, Receiver)

    def braze(request: HttpRequest) -> HttpResponse:
        response = receiver.handle(_to_request(request))
        return HttpResponse(
            response.body, status=response.status, headers=dict(response.headers)
        )

    braze.csrf_exempt = True  # type: ignore[attr-defined]
    braze.login_required = False  # type: ignore[attr-defined]
    return braze


def _to_request(request: HttpRequest) -> Request:
    if not isinstance(request, WSGIRequest):
        headers: Any = request.headers
        pieces = iter(lambda: request.read(1 << 16), b"")
        return Request(request.method or "", headers, pieces)
    if "HTTP_TRANSFER_ENCODING" in request.environ:
        return to_request(request.environ)
    return to_request({**request.environ, "wsgi.input": request})
