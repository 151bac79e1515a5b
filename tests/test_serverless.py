"""Lambda handlers of queues and buckets, with the events that AWS documents."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry

import braze_heap as bh
from braze_heap.receiver import Receiver
from braze_heap.receiver.aws_lambda import lambda_handler
from braze_heap.serverless import OutOfTimeError, s3_handler, sqs_handler
from braze_heap.testing import make_raw
from tests.storage.layout import CLICK, content, key
from tests.test_pipeline import MemoryDeadLetter

BUCKET = "braze-currents"


class Bucket(MemoryFileSystem):  # type: ignore[misc]
    """Objects of S3, in memory."""

    protocol = "s3"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(MemoryFileSystem._strip_protocol(path.replace("s3:", "memory:")))


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Open s3: in memory."""
    monkeypatch.setitem(_registry, "s3", Bucket)
    yield MemoryFileSystem()
    MemoryFileSystem.store.clear()


@attrs.define
class Context:
    """What Lambda passes besides the event; the rest of the time passes by itself."""

    seconds: float = 900.0
    spent_by_call: float = 0.0

    def get_remaining_time_in_millis(self) -> int:
        self.seconds -= self.spent_by_call
        return int(self.seconds * 1_000)


def of_receiver(pipeline: bh.Pipeline) -> Any:
    return lambda_handler(Receiver(pipeline, "a-token"))


@attrs.define
class Rig:
    """A pipeline in memory, and what it did."""

    sink: Any = attrs.field(factory=bh.MemorySink)
    dead: MemoryDeadLetter = attrs.field(factory=MemoryDeadLetter)

    def pipeline(self) -> bh.Pipeline:
        ledger = bh.MemoryLedger()
        return bh.Pipeline(bh.Transformer(), self.sink, self.dead, ledger=ledger)

    def ids(self) -> list[str]:
        return [c.idempotency_key for c in self.sink.calls if isinstance(c, bh.Track)]

    def sqs(self, *bodies: str, context: Any = None, **options: Any) -> list[str]:
        """Return the ids of the messages that failed; ``m0`` is the first."""
        handler = sqs_handler(self.pipeline(), **options)
        messages = [message(f"m{n}", body) for n, body in enumerate(bodies)]
        reply = handler({"Records": messages}, context or Context())
        assert list(reply) == ["batchItemFailures"]
        return [item["itemIdentifier"] for item in reply["batchItemFailures"]]


def message(name: str, body: str, group: str = "") -> dict[str, Any]:
    """Return a message of SQS, as Lambda passes it."""
    return {
        "messageId": name,
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
            **({"MessageGroupId": group} if group else {}),
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
        "awsRegion": "us-east-2",
    }


def event(event_id: str) -> dict[str, Any]:
    return make_raw(CLICK) | {"id": event_id}


def batch(*event_ids: str) -> str:
    return json.dumps({"events": [event(each) for each in event_ids]})


def created(name: str, event_name: str = "ObjectCreated:Put") -> dict[str, Any]:
    """Return a notification of S3; it encodes keys as forms do."""
    encoded = name.replace("=", "%3D").replace("+", "%2B").replace(" ", "+")
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": "us-east-2",
                "eventTime": "2026-01-15T07:00:00.000Z",
                "eventName": event_name,
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "x",
                    "bucket": {"name": BUCKET, "arn": f"arn:aws:s3:::{BUCKET}"},
                    "object": {"key": encoded, "size": 1, "eTag": "d41d8cd98f00"},
                },
            }
        ]
    }


def event_bridge(name: str, kind: str = "Object Created") -> dict[str, Any]:
    """Return a notification through EventBridge; it does not encode keys."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": kind,
        "source": "aws.s3",
        "detail": {"bucket": {"name": BUCKET}, "object": {"key": name, "size": 1}},
    }


def sns(body: Any) -> dict[str, Any]:
    """Return a message that SNS has put into a queue."""
    return {"Type": "Notification", "TopicArn": "arn", "Message": json.dumps(body)}


KEY = key(CLICK, "2026-01-15", 7, "445 zone+0+1.jsonl")


# --- SQS ------------------------------------------------------------------------------


def test_messages_contain_events_of_braze() -> None:
    """A message is a request body, one event, or either through SNS."""
    rig = Rig()

    failed = rig.sqs(
        batch("a", "b"),
        json.dumps(event("c")),
        json.dumps(sns({"events": [event("d")]})),
    )

    assert failed == []
    assert rig.ids() == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "notification",
    [
        created(KEY),
        event_bridge(KEY),
        sns(created(KEY)),
        sns(event_bridge(KEY)),
        created(KEY, "s3:ObjectCreated:Put"),
    ],
    ids=["s3", "EventBridge", "SNS", "EventBridge through SNS", "MinIO"],
)
def test_messages_can_be_notifications_of_objects(
    bucket: Any, notification: dict[str, Any]
) -> None:
    """The events of the created object are read, with the type in its decoded path."""
    bucket.pipe(f"{BUCKET}/{KEY}", content(3))
    rig = Rig()

    assert rig.sqs(json.dumps(notification)) == []
    assert rig.ids() == ["event-0", "event-1", "event-2"]


def test_a_message_that_fails_comes_again_alone(bucket: Any) -> None:
    """Other messages of the batch are delivered and deleted."""
    bucket.pipe(f"{BUCKET}/{KEY}", content(1))
    rig = Rig()

    failed = rig.sqs(
        batch("a"),
        json.dumps(created("no/such/object")),
        json.dumps(created(KEY)),
        batch("b"),
    )

    assert failed == ["m1"]
    assert rig.ids() == ["a", "event-0", "b"]


@pytest.mark.parametrize(
    "body",
    [
        "not JSON",
        "id,name\n1,a",
        '{"events": 3}',
        "s3://bucket/key.avro",
        "currents/part.avro",
        "\ud800",
        '{"Type": "Notification"}',
        '{"Type": "Notification", "Message": 5}',
        '{"Records": [{"s3": {}, "eventName": "ObjectCreated:Put"}]}',
        '{"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]}',
        '{"Records": [{"eventName": "ObjectCreated:Put", "s3": 5}]}',
        '{"source": "aws.s3"}',
        '{"source": "aws.s3", "detail-type": "Object Created", "detail": 5}',
    ],
)
def test_a_message_that_no_one_can_read_is_a_dead_letter(body: str) -> None:
    """It would fail again and again, so it is kept, and the queue deletes it."""
    rig = Rig()

    assert rig.sqs(body, batch("a")) == []
    assert len(rig.dead.records) == 1
    assert rig.ids() == ["a"]


def test_an_object_of_another_format_goes_to_the_queue_s_own_dead_letters(
    bucket: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It fails each time, until SQS moves it; the log has the reason, and no value."""
    bucket.pipe(f"{BUCKET}/report.csv", b"id,name\n1,hunter2\n")
    rig = Rig()

    assert rig.sqs(json.dumps(created("report.csv"))) == ["m0"]
    assert "SQS repeats the message m0: UnknownFormatError" in caplog.text
    assert "hunter2" not in caplog.text


class AwaySink(bh.MemorySink):
    """A sink that cannot decide."""

    def send(self, calls: Any, /) -> Any:
        raise bh.SinkUnavailable("Heap is away")


def test_all_messages_fail_if_the_sink_is_unavailable(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is deleted from the queue, and the log has the cause."""
    rig = Rig(sink=AwaySink())

    assert rig.sqs(batch("a"), batch("b")) == ["m0", "m1"]
    assert "SQS repeats the message m1: Heap is away" in caplog.text
    assert rig.dead.records == {}


def test_later_messages_of_a_group_fail_with_it() -> None:
    """A FIFO queue keeps the order of a group, so nothing overtakes a failure."""
    rig = Rig()
    gone = json.dumps(created("no/such/object"))
    messages = [
        message("m0", gone, group="ada"),
        message("m1", batch("later"), group="ada"),
        message("m2", batch("other"), group="bob"),
    ]

    reply = sqs_handler(rig.pipeline())({"Records": messages}, Context())

    failed = [item["itemIdentifier"] for item in reply["batchItemFailures"]]
    assert failed == ["m0", "m1"]
    assert rig.ids() == ["other"]


@pytest.mark.parametrize(
    "notification",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET},
        created(KEY, "ObjectRemoved:Delete"),
        event_bridge(KEY, "Object Deleted"),
        created("currents/2026/"),
        event_bridge("currents/"),
    ],
    ids=["test", "removed", "deleted", "folder", "folder by EventBridge"],
)
def test_other_notifications_are_done(
    notification: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A test of S3, a deletion and the mark of a folder bring no events."""
    rig = Rig()

    with caplog.at_level(logging.INFO):
        assert rig.sqs(json.dumps(notification)) == []

    assert rig.sink.calls == []
    assert rig.dead.records == {}


# --- Time -----------------------------------------------------------------------------


def test_messages_that_would_end_too_late_are_not_begun() -> None:
    """What Lambda would cut off stays in the queue."""
    rig = Rig()
    context = Context(seconds=60, spent_by_call=10)

    failed = rig.sqs(*(batch(f"{n}") for n in range(6)), context=context, reserve=25)

    assert failed == ["m2", "m3", "m4", "m5"]
    assert rig.ids() == ["0", "1"]


def test_an_object_that_would_end_too_late_is_left_between_batches(
    bucket: Any,
) -> None:
    """Events before are delivered; the message comes again."""
    bucket.pipe(f"{BUCKET}/{KEY}", content(5_000))
    rig = Rig()
    context = Context(seconds=60, spent_by_call=0.01)

    assert rig.sqs(json.dumps(created(KEY)), context=context, reserve=25) == ["m0"]
    assert 3_000 < len(rig.ids()) < 4_000


def test_an_object_that_ends_in_time_is_done(bucket: Any) -> None:
    """Time that runs out with the last event fails nothing."""
    bucket.pipe(f"{BUCKET}/{KEY}", content(3))
    rig = Rig()
    context = Context(seconds=60, spent_by_call=5.5)

    assert rig.sqs(json.dumps(created(KEY)), context=context, reserve=25) == []
    assert len(rig.ids()) == 3


def test_a_short_time_out_still_makes_progress() -> None:
    """The reserve is at most half of the time, which is 3 seconds by default."""
    rig = Rig()

    assert rig.sqs(batch("a"), context=Context(seconds=3, spent_by_call=0.1)) == []


def test_a_call_by_hand_has_no_limit() -> None:
    """Without the context of Lambda, all is done."""
    rig = Rig()

    assert rig.sqs(batch("a"), context=object()) == []


# --- S3 -------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [created, event_bridge])
def test_an_object_is_delivered(bucket: Any, make: Callable[[str], Any]) -> None:
    """The reply has the counts of the report."""
    bucket.pipe(f"{BUCKET}/{KEY}", content(2) + b"{\n")
    rig = Rig()

    reply = s3_handler(rig.pipeline())(make(KEY), Context())

    assert reply == {"received": 3, "delivered": 2, "skipped": 0, "dead_lettered": 1}
    assert json.loads(json.dumps(reply)) == reply


def test_an_object_that_cannot_be_read_raises() -> None:
    """Lambda repeats what raises."""
    with pytest.raises(FileNotFoundError, match=f"s3://{BUCKET}/no/such"):
        s3_handler(Rig().pipeline())(created("no/such"), Context())


def test_an_object_that_would_end_too_late_raises(bucket: Any) -> None:
    """Lambda repeats it; nothing is cut off."""
    bucket.pipe(f"{BUCKET}/{KEY}", content(5_000))
    context = Context(seconds=60, spent_by_call=0.01)

    with pytest.raises(OutOfTimeError, match="next invocation"):
        s3_handler(Rig().pipeline(), reserve=25)(created(KEY), context)


# --- Mistakes -------------------------------------------------------------------------


@pytest.mark.parametrize("make", [sqs_handler, s3_handler])
def test_a_handler_needs_a_pipeline(make: Callable[[Any], Any]) -> None:
    """A sink or a class raises when the container starts."""
    with pytest.raises(TypeError, match="needs a Pipeline, not a MemorySink"):
        make(bh.MemorySink())


@pytest.mark.parametrize("make", [sqs_handler, s3_handler])
def test_a_pipeline_with_more_patience_than_reserve_raises(
    make: Callable[[Any], Any],
) -> None:
    """It could wait until Lambda ends the container, each time."""
    pipeline = bh.Pipeline(
        bh.Transformer(user_properties="none"),
        bh.MemorySink(),
        bh.DISCARD,
        patience=60.0,
    )

    with pytest.raises(ValueError, match="60 s, exceeds reserve, 30 s"):
        make(pipeline)
    make(pipeline, reserve=60)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"reserve": -1}, ValueError, "reserve must be at least 0, not -1"),
        ({"reserve": float("nan")}, ValueError, "not nan"),
        ({"reserve": float("inf")}, ValueError, "must be a finite number"),
        (
            {"reserve": "30"},
            TypeError,
            "reserve must be a number, not a str",
        ),
        ({"reserve": None}, TypeError, "not None"),
        ({"storage_options": 5}, TypeError, "must be a mapping, not an int"),
    ],
    ids=str,
)
@pytest.mark.parametrize("make", [sqs_handler, s3_handler])
def test_an_option_that_is_invalid_raises(
    make: Callable[..., Any], options: dict[str, Any], error: type, text: str
) -> None:
    """It raises when the container starts."""
    with pytest.raises(error, match=text):
        make(Rig().pipeline(), **options)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {},
        {"Records": []},
        {"httpMethod": "POST", "body": batch("a")},
        {"Records": [{"eventSource": "aws:kinesis", "kinesis": {}}]},
        {"Records": [{**message("", "{}")}]},
        {"Records": [{**message("m", "{}"), "body": None}]},
        {"Records": [{"eventName": "ObjectCreated:Put", "s3": {}}]},
        {"source": "aws.s3", "detail": {}},
        {"events": [event("a")]},
    ],
    ids=str,
)
@pytest.mark.parametrize("make", [sqs_handler, s3_handler])
def test_events_of_other_sources_raise(make: Callable[[Any], Any], wrong: Any) -> None:
    """A normal return would make the source delete them."""
    with pytest.raises(ValueError, match="looks like"):
        make(Rig().pipeline())(wrong, Context())


def test_each_handler_names_the_events_of_the_other() -> None:
    """The message says what the event is."""
    rig = Rig()

    with pytest.raises(ValueError, match="records of aws:s3"):
        sqs_handler(rig.pipeline())(created(KEY), Context())
    with pytest.raises(ValueError, match="records of aws:sqs"):
        s3_handler(rig.pipeline())({"Records": [message("m", "")]}, Context())


def test_the_extra_is_needed_when_the_container_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A deployment without s3fs fails before its first event."""
    monkeypatch.delitem(_registry, "s3")
    monkeypatch.setitem(sys.modules, "s3fs", None)

    with pytest.raises(ModuleNotFoundError, match=r"braze_heap\[s3\]"):
        s3_handler(Rig().pipeline())


@pytest.mark.parametrize("make", [sqs_handler, s3_handler, of_receiver])
def test_a_ledger_in_memory_is_warned_about(make: Any) -> None:
    """Each container would have its own, and turn consent back."""
    sink, transformer = bh.MemorySink(), bh.Transformer(user_properties="none")
    with pytest.warns(UserWarning, match="each container has a ledger of its own"):
        make(bh.Pipeline(bh.Transformer(), sink, bh.DISCARD))

    make(bh.Pipeline(transformer, sink, bh.DISCARD))
    make(bh.Pipeline(bh.Transformer(), sink, bh.DISCARD, ledger=bh.MemoryLedger()))
