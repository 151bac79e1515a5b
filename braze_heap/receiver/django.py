"""
A receiver in a Django project, under WSGI or ASGI.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse

from braze_heap.receiver._messages import Request
from braze_heap.receiver._receiver import Receiver
from braze_heap.receiver.wsgi import request_of


def view(receiver: Receiver) -> Callable[[HttpRequest], HttpResponse]:
    """
    Return the view: ``path("braze", view(receiver))``. Braze has no CSRF token.

    The body is read past Django's limit for forms; under WSGI also past Django, which
    takes a chunked one for empty.
    """

    def braze(request: HttpRequest) -> HttpResponse:
        answer = receiver.handle(_translated(request))
        return HttpResponse(
            answer.body, status=answer.status, headers=dict(answer.headers)
        )

    braze.csrf_exempt = True  # type: ignore[attr-defined]
    return braze


def _translated(request: HttpRequest) -> Request:
    if isinstance(request, WSGIRequest):
        return request_of(request.environ)
    return Request(request.method or "", request.headers, _pieces(request))


def _pieces(request: HttpRequest) -> Iterator[bytes]:
    while piece := request.read(1 << 16):
        yield piece
