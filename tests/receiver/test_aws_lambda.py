"""Tests of the Lambda handler, with each format of AWS for a request."""

import base64
import gzip
import json
from typing import Any

import pytest

from braze_heap.receiver.aws_lambda import lambda_handler
from tests.receiver.test_contract import batch, click
from tests.receiver.transports import TOKEN, Endpoint, aws_lambda

BEARER = f"Bearer {TOKEN}"
pytestmark = pytest.mark.filterwarnings("ignore:lambda_handler:UserWarning")


def rest(headers: dict[str, str], body: str | None, **more: Any) -> dict[str, Any]:
    """API Gateway, REST API: payload format 1.0."""
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
    """API Gateway HTTP API and Function URL: payload format 2.0, lower case."""
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
    """Application Load Balancer: lower case, without a version."""
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
    Load balancer with ``lambda.multi_value_headers.enabled``: ``headers`` is missing.
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


def test_a_text_body_is_read(there, shape):
    """200: a batch in plain text, with header names in any case."""
    body = batch(click()).decode()

    reply = ask(there, shape({"AuthoriZation": BEARER}, body))

    assert (reply["statusCode"], len(there.sink.calls)) == (200, 1)


def test_a_base64_body_is_decoded(there, shape):
    """200: a gzipped batch arrives in base64."""
    body = base64.b64encode(gzip.compress(batch(click()))).decode()
    headers = {"Authorization": BEARER, "Content-Encoding": "gzip"}

    reply = ask(there, shape(headers, body, isBase64Encoded=True))

    assert (reply["statusCode"], len(there.sink.calls)) == (200, 1)


def test_a_missing_body_is_a_probe(there, shape):
    """200: the body is null, absent or empty."""
    reply = ask(there, shape({"Authorization": BEARER}, None))

    assert reply["statusCode"] == 200


def test_invalid_base64_is_stored(there, shape):
    """400: a body that cannot be decoded is stored unchanged."""
    event = shape({"Authorization": BEARER}, "n\u00f6 base64", isBase64Encoded=True)

    reply = ask(there, event)

    assert reply["statusCode"] == 400
    assert ["n\u00f6 base64".encode()] == [r.original for r in there.dead.records]


def test_the_reply_has_the_format_of_the_request(there, shape):
    """
    401: headers are lists for a load balancer that sends lists and ignores others.
    """
    reply = ask(there, shape({}, None))

    listed = {n: v[0] for n, v in reply.get("multiValueHeaders", {}).items()}
    assert reply["statusCode"] == 401
    assert (reply.get("headers") or listed)["www-authenticate"] == "Bearer"
    assert (shape in (rest, load_balancer_of_lists)) == bool(listed)
    assert reply["isBase64Encoded"] is False


def test_a_body_is_not_decoded_before_the_token_is_checked(there):
    """401: the body does not matter."""
    event = {**http({}, None), "body": {"not": "text"}}

    assert ask(there, event)["statusCode"] == 401


RECORD = {"messageId": "1", "body": "canary", "kinesis": {"data": "canary"}}
EVENT = {"event_type": "users.messages.email.Click", "id": "canary"}


@pytest.mark.parametrize(
    ("event", "shape"),
    [
        ({"Records": [{**RECORD, "eventSource": "aws:sqs"}]}, "records of aws:sqs"),
        ({"Records": [{**RECORD, "eventSource": "aws:s3"}]}, "records of aws:s3"),
        ({"Records": [{**RECORD, "eventSource": "aws:kinesis"}]}, "aws:kinesis"),
        ({"Records": [{"EventSource": "aws:sns", "Sns": {}}]}, "records of aws:sns"),
        ({"Records": [{"eventSource": "canary\n"}]}, "the keys Records"),
        ({"Records": [{"cf": {"request": {"method": "POST"}}}]}, "the keys Records"),
        ({"Records": []}, "the keys Records"),
        ({"eventSource": "aws:kafka", "records": {}}, "records of aws:kafka"),
        (
            {"source": "aws.s3", "detail-type": "canary", "detail": {}},
            "the keys source, detail-type, detail",
        ),
        ({"awslogs": {"data": "canary"}}, "the keys awslogs"),
        ({"type": "REQUEST", "methodArn": "x", "httpMethod": "POST"}, "methodArn"),
        ({"requestContext": {"connectionId": "x"}, "body": "canary"}, "the keys req"),
        ({"events": [EVENT]}, "the keys events"),
        (EVENT, "the keys event_type, id"),
        ({}, "an empty object"),
        ({"requestContext": None, "headers": None}, "the keys requestContext"),
        ({"requestContext": {"http": None}}, "the keys requestContext"),
        ({"httpMethod": None, "requestContext": "canary"}, "the keys httpMethod"),
        (None, "None"),
        ([EVENT], "a list"),
        ("canary", "a str"),
    ],
)
def test_an_event_that_is_not_an_http_request_is_an_error(there, event, shape):
    """A normal return would make SQS delete the message. The error shows no values."""
    with pytest.raises(ValueError, match=f"it looks like .*{shape}.*Pipeline.run") as e:
        ask(there, event)

    assert "canary" not in str(e.value)
    assert (there.sink.calls, there.dead.records) == ([], [])


def test_a_console_test_event_is_answered(there):
    """405: a GET is an HTTP request, even if all other keys are null."""
    nulls = {"headers": None, "multiValueHeaders": None, "body": None}

    assert ask(there, {"httpMethod": "GET", **nulls})["statusCode"] == 405


@pytest.mark.parametrize("is_base64", [False, True])
def test_a_body_that_is_an_object_is_read_as_json(there, shape, is_base64):
    """200: a mapping template may have decoded the body."""
    event = shape({"Authorization": BEARER}, None, isBase64Encoded=is_base64)
    event["body"] = json.loads(batch(click()))

    reply = ask(there, event)

    assert (reply["statusCode"], len(there.sink.calls)) == (200, 1)


@pytest.mark.parametrize("body", [5, True, [1]])
def test_a_body_of_another_type_is_unreadable(there, body):
    """400: the body is encoded as JSON and stored."""
    event = {**http({"Authorization": BEARER}, None), "body": body}

    assert ask(there, event)["statusCode"] == 400
    assert [json.loads(record.original) for record in there.dead.records] == [body]


def test_a_null_header_is_ignored(there, shape):
    """200: with a Content-Encoding of null the body is not compressed."""
    event = shape({"Authorization": BEARER}, batch(click()).decode())
    if "headers" in event:
        event["headers"] = {**event["headers"], "content-encoding": None}
    if "multiValueHeaders" in event:
        lists = {"content-encoding": None, "x-nothing": [None]}
        event["multiValueHeaders"] = {**event["multiValueHeaders"], **lists}

    assert ask(there, event)["statusCode"] == 200


def test_headers_may_be_only_in_lists(there):
    """200: ``headers`` is null if API Gateway sends only lists."""
    event = rest({"Authorization": BEARER}, batch(click()).decode())

    assert ask(there, {**event, "headers": None})["statusCode"] == 200


def test_a_repeated_header_is_not_merged(there):
    """401: two credentials in a list are rejected."""
    event = rest({}, None, multiValueHeaders={"Authorization": [BEARER, BEARER]})

    assert ask(there, event)["statusCode"] == 401


@pytest.mark.parametrize("lists", [{"X-Trace": ["1"]}, {"Authorization": None}])
def test_a_header_that_is_missing_in_the_lists_is_read_from_the_other_headers(
    there, lists
):
    """200: a 401 would end the feed."""
    event = rest({"Authorization": BEARER}, batch(click()).decode())

    assert ask(there, {**event, "multiValueHeaders": lists})["statusCode"] == 200


@pytest.mark.parametrize("name", ["headers", "multiValueHeaders"])
@pytest.mark.parametrize("value", [["Authorization"], "Authorization", 5])
def test_headers_that_are_not_an_object_are_an_error(there, name, value):
    event = rest({"Authorization": BEARER}, batch(click()).decode())

    with pytest.raises(ValueError, match="headers"):
        ask(there, {**event, name: value})


def test_records_are_an_error_whatever_else_is_in_the_event(there):
    event = rest({"Authorization": BEARER}, batch(click()).decode())

    with pytest.raises(ValueError, match="not an HTTP request"):
        ask(there, {**event, "Records": [{"eventSource": "aws:sqs"}]})
