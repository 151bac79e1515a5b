"""FastAPI and Starlette endpoint for a receiver."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from braze_heap._errors import requires_extra
from braze_heap.receiver._http import retry_later
from braze_heap.receiver._receiver import AsyncReceiver, require_receiver
from braze_heap.receiver.asgi import to_request

with requires_extra(__name__, "'braze_heap[starlette]'"):
    from starlette.requests import Request as StarletteRequest
    from starlette.responses import Response as StarletteResponse

__all__ = ["endpoint"]


def endpoint(
    receiver: AsyncReceiver,
) -> Callable[[StarletteRequest], Awaitable[StarletteResponse]]:
    """
    Return the endpoint: ``app.add_route("/braze", endpoint(receiver), ["POST"])``.

    To mount an application, use `braze_heap.receiver.asgi.ASGIReceiver`.
    """
    require_receiver("endpoint", receiver, AsyncReceiver)

    async def braze(request: StarletteRequest) -> StarletteResponse:
        try:
            response = await receiver.handle(to_request(request.scope, request.receive))
        except asyncio.CancelledError:  # the server shuts down, and would send 500
            response = retry_later()
        return StarletteResponse(response.body, response.status, dict(response.headers))

    return braze
