"""
A receiver as a Lambda function: each document in which AWS tells of a request.
"""

import base64
import gzip
from typing import Any

import pytest

from braze_heap.receiver.aws_lambda import lambda_handler
from tests.receiver.carriers import TOKEN, Endpoint, aws_lambda
from tests.receiver.test_contract import batch, click

BEARER = f"Bearer {TOKEN}"


def rest(headers: dict[str, str], body: str | None, **more: Any) -> dict[str, Any]:
    """
    API Gateway, REST API: payload format 1.0.
    """
    return {
        "resource": "/braze",
        "path": "/braze",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "requestContext": {"httpMethod": "POST", "stage": "prod", "protocol": "HTTP/1"},
        "body": body,
        "isBase64Encoded": False,
        **more,
    }


def http(headers: dict[str, str], body: str | None, **more: Any) -> dict[str, Any]:
    """
    API Gateway, HTTP API, and Function URL: payload format 2.0, small letters.
    """
    event = {
        "version": "2.0",
        "routeKey": "POST /braze",
        "rawPath": "/braze",
        "rawQueryString": "",
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {"http": {"method": "POST", "path": "/braze"}},
        "isBase64Encoded": False,
        **more,
    }
    return event if body is None else {**event, "body": body}


def load_balancer(
    headers: dict[str, str], body: str | None, **more: Any
) -> dict[str, Any]:
    """
    Application Load Balancer: small letters, no version.
    """
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:"}},
        "httpMethod": "POST",
        "path": "/braze",
        "queryStringParameters": {},
        "headers": {name.lower(): value for name, value in headers.items()},
        "body": body or "",
        "isBase64Encoded": False,
        **more,
    }


def load_balancer_of_lists(
    headers: dict[str, str], body: str | None, **more: Any
) -> dict[str, Any]:
    """
    The same with ``lambda.multi_value_headers.enabled``: no ``headers`` at all.
    """
    event = load_balancer(headers, body, **more)
    listed = {name: [value] for name, value in event.pop("headers").items()}
    return {**event, "multiValueHeaders": listed}


@pytest.fixture
def there() -> Any:
    return Endpoint(aws_lambda)


@pytest.fixture(params=[rest, http, load_balancer, load_balancer_of_lists])
def shape(request: pytest.FixtureRequest) -> Any:
    return request.param


def ask(there: Endpoint, event: dict[str, Any]) -> dict[str, Any]:
    return lambda_handler(there.receiver)(event, None)


def test_a_body_as_text(there, shape):
    """
    200: a batch in plain text, header names as they come.
    """
    body = batch(click()).decode()

    reply = ask(there, shape({"AuthoriZation": BEARER}, body))

    assert (reply["statusCode"], len(there.sink.calls)) == (200, 1)


def test_a_body_in_base64(there, shape):
    """
    200: a gzipped batch comes in base64.
    """
    body = base64.b64encode(gzip.compress(batch(click()))).decode()
    headers = {"Authorization": BEARER, "Content-Encoding": "gzip"}

    reply = ask(there, shape(headers, body, isBase64Encoded=True))

    assert (reply["statusCode"], len(there.sink.calls)) == (200, 1)


def test_no_body_is_a_probe(there, shape):
    """
    200: null, absent and empty are the probe.
    """
    reply = ask(there, shape({"Authorization": BEARER}, None))

    assert reply["statusCode"] == 200


def test_base64_that_is_none_is_kept(there, shape):
    """
    400: what cannot be decoded lies in the dead letter as it came.
    """
    event = shape({"Authorization": BEARER}, "n\u00f6 base64", isBase64Encoded=True)

    reply = ask(there, event)

    assert reply["statusCode"] == 400
    assert ["n\u00f6 base64".encode()] == [r.original for r in there.dead.records]


def test_the_reply_is_in_the_shape_of_the_request(there, shape):
    """
    401: headers are lists for a load balancer that sends lists, since others are lost.
    """
    reply = ask(there, shape({}, None))

    listed = {n: v[0] for n, v in reply.get("multiValueHeaders", {}).items()}
    assert reply["statusCode"] == 401
    assert (reply.get("headers") or listed)["www-authenticate"] == "Bearer"
    assert (shape in (rest, load_balancer_of_lists)) == bool(listed)
    assert reply["isBase64Encoded"] is False


def test_a_body_is_not_decoded_before_the_token_is_checked(there):
    """
    401: whatever the body is.
    """
    event = {**http({}, None), "body": {"not": "text"}}

    assert ask(there, event)["statusCode"] == 401


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"httpMethod": "GET", "headers": None, "multiValueHeaders": None, "body": None},
        {"requestContext": None, "headers": None},
        {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
    ],
    ids=["empty", "console", "nulls", "scheduled"],
)
def test_what_is_no_request_is_no_post(there, event):
    """
    405: a health check, the console's test and a schedule do not break the function.
    """
    assert ask(there, event)["statusCode"] == 405


def test_a_repeated_header_is_repeated(there):
    """
    401: two credentials are none, also where AWS lists them.
    """
    event = rest({}, None, multiValueHeaders={"Authorization": [BEARER, BEARER]})

    assert ask(there, event)["statusCode"] == 401
