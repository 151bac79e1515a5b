"""AWS Lambda handler for a receiver."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from braze_heap._pipeline_inputs import warn_of_memory_ledger
from braze_heap._wiring import kind_of
from braze_heap.receiver._http import Request, Response
from braze_heap.receiver._receiver import Receiver, require_receiver

__all__ = ["lambda_handler"]

LambdaEvent: TypeAlias = Mapping[str, Any]

_SOURCE: Final = re.compile(r"aws:[a-z0-9-]{1,30}")

_MAX_KEYS: Final = 100
"""Characters of the keys of an event in a message."""

_NOT_HTTP: Final = ("Records", "methodArn", "routeArn")
"""Keys that an HTTP request never has."""


def lambda_handler(receiver: Receiver) -> Callable[[LambdaEvent, Any], dict[str, Any]]:
    """
    Return a handler for API Gateway (REST and HTTP APIs), Function URLs and ALB.

    The handler raises `ValueError` if its event is not an HTTP request, because SQS,
    Kinesis and others treat a normal return as success. For SQS and S3, see
    `braze_heap.serverless`. Pass events from other sources to `Pipeline.run`.

    Create *receiver* at module level, once per container. The file system of a
    container is not durable, so use a dead letter elsewhere, and a ledger there too.
    """
    require_receiver("lambda_handler", receiver, Receiver)
    warn_of_memory_ledger("lambda_handler", receiver.pipeline)

    def handler(event: LambdaEvent, context: Any) -> dict[str, Any]:  # noqa: ARG001
        return _reply(receiver.handle(_request(event)), event)

    return handler


def _request(event: LambdaEvent) -> Request:
    """Return the HTTP request in *event*; raise `ValueError` if it is not one."""
    method = None
    with contextlib.suppress(AttributeError, KeyError, TypeError):  # another shape
        if not any(key in event for key in _NOT_HTTP):
            method = (
                event.get("httpMethod") or event["requestContext"]["http"]["method"]
            )
    if not isinstance(method, str) or not method:
        raise ValueError(
            "the Lambda event is not an HTTP request: it looks like "
            f"{describe_event(event)}. lambda_handler serves API Gateway, Function "
            "URLs and load balancers. For SQS and S3, use braze_heap.serverless. For "
            "other sources, write a handler that passes their events to Pipeline.run "
            "and does not catch its exceptions."
        )
    return Request(method, _headers(event), _body(event))


def describe_event(event: object) -> str:
    """Describe *event* by its source or its keys, without showing its values."""
    if not isinstance(event, Mapping):
        return kind_of(event)
    records = event.get("Records")
    first = records[0] if isinstance(records, list) and records else event
    if isinstance(first, Mapping):
        source = first.get("eventSource") or first.get("EventSource")
        if isinstance(source, str) and _SOURCE.fullmatch(source):
            return f"records of {source}"
    keys = ", ".join(map(str, event))
    return f"an object with the keys {keys[:_MAX_KEYS]}" if keys else "an empty object"


def _headers(event: LambdaEvent) -> list[tuple[str, str]]:
    repeated = event.get("multiValueHeaders") or {}
    single = event.get("headers") or {}
    if not (isinstance(repeated, Mapping) and isinstance(single, Mapping)):
        raise ValueError("the headers of the Lambda event are not an object")
    pairs = [
        (str(name), value)
        for name, values in repeated.items()
        for value in (values if isinstance(values, list | tuple) else [values])
    ]
    known = {name.lower() for name, value in pairs if value is not None}
    pairs += [(str(n), v) for n, v in single.items() if str(n).lower() not in known]
    return [(name, str(value)) for name, value in pairs if value is not None]


def _body(event: LambdaEvent) -> Iterator[bytes]:
    """
    Yield the bytes of the body. A decoded body is encoded as JSON again.

    A body that is marked as base64 but is not is passed on unchanged.
    """
    body = event.get("body")
    if body is not None and not isinstance(body, str):
        yield body if isinstance(body, bytes) else json.dumps(body).encode()
        return
    raw = (body or "").encode("utf-8", "surrogatepass")
    if not event.get("isBase64Encoded"):
        yield raw
        return
    try:
        yield base64.b64decode(raw, validate=True)
    except binascii.Error:
        yield raw


def _reply(response: Response, event: LambdaEvent) -> dict[str, Any]:
    reply = {
        "statusCode": response.status,
        "body": response.body.decode(),
        "isBase64Encoded": False,
    }
    if event.get("multiValueHeaders") is not None:
        listed = {name: [value] for name, value in response.headers}
        return {**reply, "multiValueHeaders": listed}
    return {**reply, "headers": dict(response.headers)}
