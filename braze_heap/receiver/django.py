"""
A receiver in a Django project, under WSGI or ASGI.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from braze_heap._errors import requires_extra
from braze_heap.receiver._http import Request
from braze_heap.receiver._receiver import Receiver, require_receiver
from braze_heap.receiver.wsgi import request_of

with requires_extra(__name__, "django"):
    from django.core.handlers.wsgi import WSGIRequest
    from django.http import HttpRequest, HttpResponse

__all__ = ["view"]


def view(receiver: Receiver) -> Callable[[HttpRequest], HttpResponse]:
    """
    Return the view: ``path("braze", view(receiver))``. Braze has no CSRF token.

    Neither has it a session, where Django's login middleware asks for one. The body is
    read past Django's limit for forms; a chunked one under WSGI past Django itself,
    which takes it for empty.
    """
    require_receiver("view", receiver, Receiver)

    def braze(request: HttpRequest) -> HttpResponse:
        answer = receiver.handle(_translated(request))
        return HttpResponse(
            answer.body, status=answer.status, headers=dict(answer.headers)
        )

    braze.csrf_exempt = True  # type: ignore[attr-defined]
    braze.login_required = False  # type: ignore[attr-defined]
    return braze


def _translated(request: HttpRequest) -> Request:
    if not isinstance(request, WSGIRequest):
        headers: Any = request.headers
        return Request(request.method or "", headers, _pieces(request))
    if "HTTP_TRANSFER_ENCODING" in request.environ:
        return request_of(request.environ)
    return request_of({**request.environ, "wsgi.input": request})


def _pieces(request: HttpRequest) -> Iterator[bytes]:
    while piece := request.read(1 << 16):
        yield piece
