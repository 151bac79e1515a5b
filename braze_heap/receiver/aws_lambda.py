"""
A receiver as an AWS Lambda function.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from braze_heap.receiver._messages import Request, Response
from braze_heap.receiver._receiver import Receiver, require_receiver

__all__ = ["lambda_handler"]

Event: TypeAlias = Mapping[str, Any]


def lambda_handler(receiver: Receiver) -> Callable[[Event, Any], dict[str, Any]]:
    """
    Return the handler: for API Gateway (REST and HTTP APIs), Function URLs and ALB.

    Build *receiver* outside of the handler, once a container. The file system of a
    container is not durable: use a dead letter that is.
    """
    require_receiver("lambda_handler", receiver, Receiver)

    def handler(event: Event, context: Any) -> dict[str, Any]:  # noqa: ARG001
        return _reply(receiver.handle(_request(event)), event)

    return handler


def _request(event: Event) -> Request:
    http = (event.get("requestContext") or {}).get("http") or {}
    method = event.get("httpMethod") or http.get("method") or ""
    return Request(method, _headers(event), _body(event))


def _headers(event: Event) -> list[tuple[str, str]]:
    repeated = event.get("multiValueHeaders") or {}
    single = event.get("headers") or {}
    listed = repeated or {name: [value] for name, value in single.items()}
    return [(name, value) for name, values in listed.items() for value in values]


def _body(event: Event) -> Iterator[bytes]:
    """
    Give the bytes of the body. Base64 that is none is taken as it is: as unreadable.
    """
    text = event.get("body") or ""
    raw: bytes = text.encode("utf-8", "surrogatepass")
    if not event.get("isBase64Encoded"):
        yield raw
        return
    try:
        yield base64.b64decode(raw, validate=True)
    except binascii.Error:
        yield raw


def _reply(response: Response, event: Event) -> dict[str, Any]:
    reply = {
        "statusCode": response.status,
        "body": response.body.decode(),
        "isBase64Encoded": False,
    }
    if event.get("multiValueHeaders") is not None:
        listed = {name: [value] for name, value in response.headers}
        return {**reply, "multiValueHeaders": listed}
    return {**reply, "headers": dict(response.headers)}
