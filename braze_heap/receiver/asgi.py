"""ASGI 3 application for a receiver."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from braze_heap.receiver._http import (
    IncompleteBodyError,
    Request,
    Response,
    retry_later,
)
from braze_heap.receiver._receiver import AsyncReceiver, require_receiver

__all__ = ["ASGIReceiver"]

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

logger: logging.Logger = logging.getLogger("braze_heap.receiver")


class ASGIReceiver:
    """
    ASGI application for uvicorn, hypercorn and others, or a route of Starlette.

    Every path is the endpoint. On shutdown (lifespan) it waits for requests in flight.
    Close the sink and the dead letter afterwards.

    Args:
        receiver: Receiver to serve.
    """

    def __init__(self, receiver: AsyncReceiver) -> None:
        require_receiver("ASGIReceiver", receiver, AsyncReceiver)
        self.receiver = receiver

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """
        Serve one request, or the lifespan of the server.

        Raises:
            ValueError: The protocol is not HTTP.
        """
        if scope["type"] == "http":
            await respond(send, self.receiver.handle(to_request(scope, receive)))
        elif scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            if not await self.receiver.close():
                logger.warning("Shut down with requests in flight; Braze resends them")
            await send({"type": "lifespan.shutdown.complete"})
        else:
            raise ValueError(f"a receiver supports http, not {scope['type']}")


def to_request(scope: Message, receive: Receive) -> Request:
    """Return the request of an ASGI connection. Its body is read on iteration."""
    return Request(scope["method"], scope["headers"], _body(receive))


async def respond(send: Send, handling: Awaitable[Response]) -> None:
    """Send the response that *handling* returns; 503 if the server cancels it."""
    try:
        response = await handling
    except asyncio.CancelledError:
        await send_response(send, retry_later())  # servers send 500
        raise
    await send_response(send, response)


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    is_more = True
    while is_more:
        message = await receive()
        if message["type"] != "http.request":
            raise IncompleteBodyError
        yield message.get("body", b"")
        is_more = message.get("more_body", False)


async def send_response(send: Send, response: Response) -> None:
    """Send *response*, unless the client disconnected (``OSError`` since ASGI 2.4)."""
    headers = [(name.encode(), value.encode()) for name, value in response.headers]
    start = {"type": "http.response.start", "status": response.status}
    with contextlib.suppress(OSError):
        await send(start | {"headers": headers})
        await send({"type": "http.response.body", "body": response.body})
