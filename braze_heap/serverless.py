"""
AWS Lambda handlers for messages of a queue and for objects of a bucket.

>>> handler = sqs_handler(pipeline)

Create *pipeline* and handler at module level, once per container. Both handlers stop
before Lambda ends the container, and leave the rest to the next invocation.
"""

from __future__ import annotations

import logging
import math
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from braze_heap._errors import describe_exception
from braze_heap._pipeline_inputs import warn_of_memory_ledger
from braze_heap._wiring import check_number, kind_of, require
from braze_heap.exceptions import DeliveryError
from braze_heap.pipeline import Pipeline
from braze_heap.receiver.aws_lambda import LambdaEvent, describe_event
from braze_heap.report import Report
from braze_heap.storage import read
from braze_heap.storage._objects import locate, open_file_system
from braze_heap.wire import UnreadableError, decode

__all__ = ["OutOfTimeError", "s3_handler", "sqs_handler"]

logger: logging.Logger = logging.getLogger("braze_heap.serverless")

RESERVE: Final = 30.0
"""Seconds for the last batch, before Lambda ends the container."""

Options: TypeAlias = Mapping[str, Any]
Handler: TypeAlias = Callable[[LambdaEvent, Any], dict[str, Any]]
_NO_OPTIONS: Final[Options] = MappingProxyType({})


class OutOfTimeError(DeliveryError):
    """Lambda would end the container soon. The rest is for the next invocation."""


def sqs_handler(
    pipeline: Pipeline,
    *,
    reserve: float = RESERVE,
    storage_options: Options = _NO_OPTIONS,
) -> Handler:
    """
    Return a handler for messages of SQS.

    A message contains a request body of Braze, one event, or a notification that S3 has
    created objects, whose events are read. Each may come through SNS. A message that
    cannot be delivered is returned in ``batchItemFailures``. SQS sends it again, and
    moves it to its dead-letter queue after its maximum of receives. The other messages
    of the batch are done, except later ones of the same FIFO group.

    Turn on ``ReportBatchItemFailures`` in the event source mapping. Without it, SQS
    deletes failed messages.

    Args:
        pipeline: Delivers the events. Its ``patience`` is at most *reserve*.
        reserve: Seconds before the end of the invocation, but at most half of it, after
            which no message and no batch is begun. More than the deadline of the sink.
        storage_options: Arguments of the fsspec file system for S3.

    Raises:
        ValueError: By the handler, if its event is not from SQS.
    """
    _check_arguments("sqs_handler", pipeline, reserve, storage_options)

    def handler(event: LambdaEvent, context: Any) -> dict[str, Any]:
        check_time, failed, failed_groups = _time_check(context, reserve), [], set()
        for message in _messages(event):
            group = (message.get("attributes") or {}).get("MessageGroupId")
            try:
                if group in failed_groups:
                    raise DeliveryError("an earlier message of its group failed")
                check_time()
                body, value = _without_sns(message["body"])
                urls = _urls(value)
                if urls is None:
                    pipeline.run(body)
                else:
                    _run_objects(pipeline, urls, check_time, storage_options)
            except Exception as error:
                _log_failure(message["messageId"], error)
                failed.append({"itemIdentifier": message["messageId"]})
                failed_groups |= {group} if group else set()
        return {"batchItemFailures": failed}

    return handler


def s3_handler(
    pipeline: Pipeline,
    *,
    reserve: float = RESERVE,
    storage_options: Options = _NO_OPTIONS,
) -> Handler:
    """
    Return a handler for notifications of S3, direct or through EventBridge.

    It reads each created object, and returns the counts of the report. If it raises,
    Lambda repeats the invocation twice. Then the notification is lost, unless the
    function has a destination for failures. A queue with `sqs_handler` loses nothing.

    Args:
        pipeline: Delivers the events.
        reserve: As in `sqs_handler`.
        storage_options: Arguments of the fsspec file system for S3.

    Raises:
        ModuleNotFoundError: At once, without the extra ``s3``.
        ValueError: By the handler, if its event is not a notification of S3.
        Exception: By the handler, if an object cannot be read or delivered.
    """
    _check_arguments("s3_handler", pipeline, reserve, storage_options)
    open_file_system("s3://bucket", storage_options)

    def handler(event: LambdaEvent, context: Any) -> dict[str, Any]:
        urls = _urls(event)
        if urls is None:
            raise _unexpected("s3_handler needs a notification of S3", event)
        check_time = _time_check(context, reserve)
        report = _run_objects(pipeline, urls, check_time, storage_options)
        names = ("received", "delivered", "skipped", "dead_lettered")
        return {name: getattr(report, name) for name in names}

    return handler


def _time_check(context: Any, reserve: float) -> Callable[[], None]:
    """Return a function that raises an `OutOfTimeError` if too little time is left."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    if remaining is None:  # a call by hand
        return lambda: None
    least = min(reserve * 1_000, remaining() / 2)

    def check() -> None:
        if (left := remaining()) < least:
            raise OutOfTimeError(
                f"Lambda ends in {left / 1_000:.0f} seconds: the rest is for the next "
                "invocation"
            )

    return check


def _check_arguments(
    user: str, pipeline: Pipeline, reserve: float, storage_options: object
) -> None:
    require(user, "a Pipeline", pipeline, "run_batch")
    check_number("reserve", reserve, float, least=0)
    if math.isinf(reserve):  # it would allow any patience
        raise ValueError("reserve must be a finite number of seconds")
    if pipeline._patience > reserve:
        raise ValueError(
            f"the patience of the pipeline, {pipeline._patience:g} s, exceeds reserve, "
            f"{reserve:g} s: a batch could wait until Lambda ends"
        )
    if not isinstance(storage_options, Mapping):
        raise TypeError(
            f"storage_options must be a mapping, not {kind_of(storage_options)}"
        )
    warn_of_memory_ledger(user, pipeline)


def _messages(event: LambdaEvent) -> list[Mapping[str, Any]]:
    records = _records(event)
    if not records or not all(
        each.get("eventSource") == "aws:sqs"
        and each.get("messageId")
        and isinstance(each.get("body"), str)
        for each in records
    ):
        raise _unexpected("sqs_handler needs messages of SQS", event)
    return records


def _records(value: object) -> list[Mapping[str, Any]]:
    records = value.get("Records") if isinstance(value, Mapping) else None
    if not isinstance(records, list):
        return []
    return records if all(isinstance(each, Mapping) for each in records) else []


def _unexpected(need: str, event: object) -> ValueError:
    return ValueError(f"{need}, but the event looks like {describe_event(event)}")


def _run_objects(
    pipeline: Pipeline,
    urls: Iterable[str],
    check_time: Callable[[], None],
    options: Options,
) -> Report:
    def events_of(url: str) -> Iterator[Any]:
        for event in read(locate(url, options)):
            check_time()
            yield event

    report = Report()
    for url in urls:
        check_time()
        report += pipeline.run(events_of(url))
    return report


def _decoded(body: bytes) -> Any:
    """Return the value of *body*; ``None`` if the pipeline is to dead-letter it."""
    try:
        return decode(body)
    except UnreadableError:
        return None


def _without_sns(text: str) -> tuple[bytes, Any]:
    """Return the message of SNS in *text*, or else *text*; and its value, decoded."""
    body = text.encode("utf-8", "surrogatepass")
    value = _decoded(body)
    is_sns = isinstance(value, Mapping) and value.get("Type") == "Notification"
    if is_sns and isinstance(message := value.get("Message"), str):
        body = message.encode("utf-8", "surrogatepass")
        value = _decoded(body)
    return body, value


def _urls(value: Any) -> list[str] | None:
    """Return the URLs of created objects; ``None`` if *value* is not from S3."""
    if not isinstance(value, Mapping):
        return None
    if value.get("Event") == "s3:TestEvent":
        return []
    try:
        if value.get("source") == "aws.s3":  # through EventBridge, with a plain key
            return _created(value["detail-type"], value["detail"], str)
        urls: list[str] = []
        for record in _records(value):
            name, decode_key = record["eventName"], urllib.parse.unquote_plus
            urls += _created(name, record["s3"], decode_key)
    except (AttributeError, KeyError, TypeError):  # incomplete
        return None
    return urls if _records(value) else None


def _created(name: str, details: Any, decode_key: Callable[[str], str]) -> list[str]:
    key = decode_key(details["object"]["key"])
    url = "s3://" + details["bucket"]["name"] + f"/{key}"  # raises for other types
    kind = name.removeprefix("s3:")  # as MinIO writes it
    if not kind.startswith(("ObjectCreated", "Object Created")):
        logger.info("%s of %s is ignored, because it creates no object", name, url)
    elif key.endswith("/"):
        logger.info("%s is ignored, because it is the mark of a folder", url)
    else:
        return [url]
    return []


def _log_failure(name: str, error: Exception) -> None:
    is_ours = isinstance(error, DeliveryError | OSError | ImportError)
    cause = str(error) if is_ours else describe_exception(error)
    level = logging.WARNING if isinstance(error, DeliveryError) else logging.ERROR
    logger.log(level, "SQS repeats the message %s: %s", name, cause)
