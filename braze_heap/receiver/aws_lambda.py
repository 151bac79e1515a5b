"""
A receiver as an AWS Lambda function.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from braze_heap.receiver._messages import Request, Response
from braze_heap.receiver._receiver import Receiver

Event: TypeAlias = Mapping[str, Any]


def lambda_handler(receiver: Receiver) -> Callable[[Event, Any], dict[str, Any]]:
    """
    Return the handler: for API Gateway (REST and HTTP APIs), Function URLs and ALB.

    Build *receiver* outside of the handler, once a container. The file system of a
    container is not durable: use a dead letter that is.
    """

    def handler(event: Event, context: Any) -> dict[str, Any]:  # noqa: ARG001
        return _reply(receiver.handle(_request(event)), event)

    return handler


def _request(event: Event) -> Request:
    http = (event.get("requestContext") or {}).get("http") or {}
    method = event.get("httpMethod") or http.get("method") or ""
    return Request(method, _headers(event), _body(event))


def _headers(event: Event) -> list[tuple[str, str]]:
    repeated = event.get("multiValueHeaders")
    if repeated:
        return [(name, value) for name, values in repeated.items() for value in values]
    return list((event.get("headers") or {}).items())


def _body(event: Event) -> bytes:
    """
    Return the bytes of the body. Base64 that is none is taken as it is: as unreadable.
    """
    text = event.get("body") or ""
    raw: bytes = text.encode("utf-8", "surrogatepass")
    if not event.get("isBase64Encoded"):
        return raw
    try:
        return base64.b64decode(raw, validate=True)
    except binascii.Error:
        return raw


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
