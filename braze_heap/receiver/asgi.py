"""
A receiver as an ASGI 3 application.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from braze_heap.receiver._http import IncompleteBodyError, Request, Response
from braze_heap.receiver._receiver import AsyncReceiver, require_receiver
from braze_heap.receiver._responses import later

__all__ = ["ASGIReceiver"]

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

logger: logging.Logger = logging.getLogger("braze_heap.receiver")


class ASGIReceiver:
    """
    Runs under uvicorn, hypercorn and others; in Starlette and FastAPI as a route.

    Every path is the endpoint. When the server shuts down, requests in hand are settled
    first (lifespan). What closes the sink is up to you.

    Args:
        receiver: The endpoint.
    """

    def __init__(self, receiver: AsyncReceiver) -> None:
        require_receiver("ASGIReceiver", receiver, AsyncReceiver)
        self.receiver = receiver

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """
        Serve one request, or the life of the server.

        Raises:
            ValueError: Another protocol.
        """
        if scope["type"] == "http":
            await respond(send, self.receiver.handle(request_of(scope, receive)))
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            raise ValueError(f"a receiver speaks http, not {scope['type']}")

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if not await self.receiver.close():
            logger.warning("Requests were left in hand; Braze sends them again")
        await send({"type": "lifespan.shutdown.complete"})


def request_of(scope: Message, receive: Receive) -> Request:
    """
    Return the request of an ASGI connection; its body is read when it is asked for.
    """
    return Request(scope["method"], scope["headers"], _body(receive))


async def respond(send: Send, handling: Awaitable[Response]) -> None:
    """
    Send the answer that *handling* gives; if the server cancels that, to come again.
    """
    try:
        response = await handling
    except asyncio.CancelledError:
        await answer(send, later())  # servers would say 500
        raise
    await answer(send, response)


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    is_more = True
    while is_more:
        message = await receive()
        if message["type"] != "http.request":
            raise IncompleteBodyError
        yield message.get("body", b"")
        is_more = message.get("more_body", False)


async def answer(send: Send, response: Response) -> None:
    """
    Send *response*, unless the sender went away (ASGI 2.4).
    """
    headers = [(name.encode(), value.encode()) for name, value in response.headers]
    start = {"type": "http.response.start", "status": response.status}
    with contextlib.suppress(OSError):
        await send(start | {"headers": headers})
        await send({"type": "http.response.body", "body": response.body})
