"""
Object stores through their own clients, against emulators of S3, GCS and Azure.

Needs the extra ``engines``, and for Azure the command of ``npm install -g azurite``.
"""

import collections
import datetime as dt
import gzip
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.cli._options import StoreUrl
from braze_heap.cli._output import open_output
from braze_heap.serverless import sqs_handler
from braze_heap.storage import _objects, find, read, read_each
from braze_heap.wire import read_events
from tests.cli.conftest import Run, run
from tests.storage.layout import CLICK, EXPORT, content, key, keys
from tests.test_pipeline import MemoryDeadLetter
from tests.test_serverless import Context, message

__all__ = ["run"]  # a fixture

pytestmark = [
    pytest.mark.engines,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

LONG = key(CLICK, "2026-01-15", 7, "long.jsonl")
EVENTS = 30_000
"""Events of the long object: two ranges."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- All stores -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """Start S3 and SQS of moto; return the client of a filled bucket."""
    boto3 = pytest.importorskip("boto3")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(
        "127.0.0.1", free_port(), verbose=False
    )
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket="braze")
        for name in keys():
            client.put_object(Bucket="braze", Key=name, Body=content(3))
        client.put_object(Bucket="braze", Key=LONG, Body=content(EVENTS))
        yield client
    server.stop()


@pytest.fixture(scope="module")
def gcs() -> Iterator[str]:
    """Start an emulator of GCS; return the URL of a filled bucket."""
    server_module = pytest.importorskip("gcp_storage_emulator.server")
    port = free_port()
    server = server_module.create_server(
        "127.0.0.1", port, in_memory=True, default_bucket="braze"
    )
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        fill("gs://braze")
        yield "gs://braze"
    server.stop()


@pytest.fixture(scope="module")
def azure() -> Iterator[str]:
    """Start Azurite; return the URL of a filled container."""
    pytest.importorskip("adlfs")
    command = shutil.which("azurite")
    if command is None:
        pytest.skip("needs Azurite: npm install -g azurite")
    ports = [free_port() for _ in range(3)]
    names = ("--blobPort", "--queuePort", "--tablePort")
    options = [
        text for pair in zip(names, map(str, ports), strict=True) for text in pair
    ]
    more = ["--silent", "--skipApiVersionCheck", "--inMemoryPersistence"]
    with subprocess.Popen([command, *more, *options], stdout=subprocess.DEVNULL) as run:
        try:
            wait_for(ports[0])
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite(ports[0]))
                fill("abfs://braze")
                yield "abfs://braze"
        finally:
            run.kill()  # it would wait for connections that clients keep open


def azurite(port: int) -> str:
    """Return the connection string of the account that Azurite documents."""
    secret = (
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KB"
        "HBeksoGMGw=="
    )
    return (
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={secret};"
        f"BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
    )


def wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError(f"nothing listens on port {port}")


def fill(url: str) -> None:
    import fsspec

    file_system, root = fsspec.url_to_fs(url)
    if url.startswith("abfs"):
        file_system.mkdir(root)
    for name in keys():
        file_system.pipe(f"{root}/{name}", content(3))
    file_system.pipe(f"{root}/{LONG}", content(EVENTS))


@pytest.fixture(params=["s3", "gcs", "azure"])
def bucket(request: pytest.FixtureRequest) -> str:
    """Return the URL of a bucket of each store."""
    made = request.getfixturevalue(request.param)
    return made if isinstance(made, str) else "s3://braze"


def test_a_store_is_searched_by_type_and_hour(bucket: str) -> None:
    """The same objects are found in each store, also by prefixes of several months."""
    found = find(
        bucket,
        include=CLICK,
        since=dt.datetime(2026, 1, 15, 7, tzinfo=dt.UTC),
        until=dt.datetime(2026, 2, 1, 7, tzinfo=dt.UTC),
    )

    names = [obj.url.removeprefix(f"{bucket}/") for obj in found]
    wanted = [name for name in keys() if CLICK in name][1:-3]
    assert names == sorted([*wanted, LONG])
    assert len(list(find(bucket))) == len(keys()) + 1


def test_a_store_is_read(bucket: str) -> None:
    """All events of all objects come, one object after another or ahead."""
    objects = list(find(bucket))
    expected = 3 * len(keys()) + EVENTS

    assert sum(1 for obj in objects for _ in read(obj)) == expected
    assert sum(1 for _, reads in read_each(objects) for _ in reads) == expected


def test_a_url_is_read(bucket: str) -> None:
    """`read_events` takes the URL of an object, and its type from the path."""
    reads = list(read_events(f"{bucket}/{LONG}"))

    assert [r.value["id"] for r in reads] == [f"event-{n}" for n in range(EVENTS)]  # type: ignore[union-attr]
    assert {r.event_type for r in reads} == {CLICK}  # type: ignore[union-attr]


@pytest.mark.parametrize("path", ["no/such/folder", "no/such/object.avro"])
def test_nothing_at_a_url_is_named(bucket: str, path: str) -> None:
    """The same class and advice for each store."""
    with pytest.raises(FileNotFoundError, match=f"cannot read {bucket}/{path}"):
        list(find(f"{bucket}/{path}"))
    with pytest.raises(FileNotFoundError, match=f"cannot read {bucket}/{path}"):
        list(read_events(f"{bucket}/{path}"))


def test_a_missing_bucket_is_named(bucket: str) -> None:
    """The same class and advice for each store."""
    with pytest.raises(FileNotFoundError, match=r"no such bucket.*Check its name"):
        list(find(f"{bucket}-typo"))


def test_missing_credentials_of_azure_are_named(
    azure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the variable to set."""
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING")

    with pytest.raises(PermissionError, match="AZURE_STORAGE_CONNECTION_STRING"):
        find(azure, storage_options={"skip_instance_cache": True})


# --- S3 -------------------------------------------------------------------------------


@pytest.fixture
def requests(s3: Any, monkeypatch: pytest.MonkeyPatch) -> collections.Counter[str]:
    """Count the requests of s3fs by kind."""
    session = pytest.importorskip("aiobotocore.httpsession").AIOHTTPSession
    counted: collections.Counter[str] = collections.Counter()
    original = session.send

    async def send(self: Any, request: Any) -> Any:
        counted["LIST" if "list-type" in request.url else request.method] += 1
        return await original(self, request)

    monkeypatch.setattr(session, "send", send)
    return counted


@pytest.fixture(scope="module")
def month(s3: Any) -> list[str]:
    """Put 15 types and 25 hours into a bucket, 671 objects; return the types."""
    types = sorted(bh.EVENT_TYPES)[:15]
    s3.create_bucket(Bucket="hours")
    days = [("2026-01-15", hour) for hour in range(24)] + [("2026-01-16", 0)]
    names = [
        key(each, day, hour, f"part+{part}.jsonl")
        for each in types
        for day, hour in days
        for part in (0, 1)
    ]
    for name in names[:671]:
        s3.put_object(Bucket="hours", Key=f"currents/{name}", Body=b"{}\n")
    return types


def hour(day: int, hour: int) -> dt.datetime:
    return dt.datetime(2026, 1, day, hour, tzinfo=dt.UTC)


def test_listings_need_few_requests(
    month: list[str], requests: collections.Counter[str]
) -> None:
    """A type, a day and all types are listed with a request a level and type."""
    questions: dict[str, dict[str, Any]] = {
        "everything": {},
        "one type": {"include": month[3]},
        "two types, three hours": {
            "include": month[3:5],
            "since": hour(15, 7),
            "until": hour(15, 10),
        },
        "a day": {"since": dt.date(2026, 1, 15), "until": dt.date(2026, 1, 16)},
        "a day from six": {"since": hour(15, 6), "until": hour(16, 6)},
        "a day without events": {"since": hour(20, 0), "until": hour(21, 0)},
    }
    counts: dict[str, tuple[int, int]] = {}
    for name, options in questions.items():
        requests.clear()
        found = len(list(find("s3://hours/currents", **options)))
        assert set(requests) == {"LIST"}
        counts[name] = (found, requests["LIST"])

    assert counts == {
        "everything": (671, 16),
        "one type": (50, 3),
        "two types, three hours": (12, 4),
        "a day": (645, 16),
        "a day from six": (503, 16),
        "a day without events": (0, 17),
    }


def test_reading_needs_a_request_a_range(
    s3: Any, requests: collections.Counter[str]
) -> None:
    """What was listed is not asked for again; a long object is checked at its end."""
    (short,) = find(f"s3://braze/{keys()[0]}")
    (long,) = find(f"s3://braze/{LONG}")
    requests.clear()

    list(read(short))
    assert dict(requests) == {"GET": 1}

    requests.clear()
    list(read(long))
    assert dict(requests) == {"GET": -(-long.size // _objects.CHUNK), "HEAD": 1}


def test_an_object_that_is_deleted_meanwhile_raises(s3: Any) -> None:
    """The events before come; the end is an error, not a damage."""
    name = key(CLICK, "2026-01-15", 7, "deleted.jsonl")
    data = content(3 * EVENTS)
    s3.put_object(Bucket="braze", Key=name, Body=data)
    (obj,) = find(f"s3://braze/{name}")
    reads, rest = read(obj), []
    next(reads)
    s3.delete_object(Bucket="braze", Key=name)

    with pytest.raises(FileNotFoundError, match=f"cannot read s3://braze/{EXPORT}"):
        rest.extend(reads)

    assert 0 < len(rest) < 3 * EVENTS


def test_missing_credentials_of_s3_are_named(
    s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The message names the variable to set, after one attempt."""
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        if name != "AWS_ENDPOINT_URL":
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(PermissionError, match="AWS_PROFILE"):
        list(find("s3://braze", storage_options={"skip_instance_cache": True}))


# --- S3 on the command line ---------------------------------------------------------


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_command_reads_and_writes_objects(s3: Any, jobs: str, run: Run) -> None:
    """One or more processes write the same object, and only one type is read."""
    url = f"s3://braze/jobs-{jobs}.jsonl.gz"

    done = run(
        "transform",
        f"s3://braze/{EXPORT}",
        "--include",
        CLICK,
        "-o",
        url,
        "--jobs",
        jobs,
    )

    assert done.exit_code == 0, done.stderr
    body = s3.get_object(Bucket="braze", Key=url.rpartition("/")[2])["Body"].read()
    clicks = [name for name in keys() if CLICK in name]
    number = 3 * len(clicks) + EVENTS
    assert len(gzip.decompress(body).splitlines()) == number
    assert f"{number:,} events from {len(clicks) + 1} files" in done.stderr


def test_an_object_that_cannot_be_completed_leaves_no_part(s3: Any) -> None:
    """Parts that were uploaded before an error are removed."""
    url = StoreUrl("s3://braze/parts.jsonl")

    with pytest.raises(KeyboardInterrupt), open_output(url) as file:  # noqa: PT012
        for _ in range(3):
            file.write(bytes(_objects.PART))
        assert s3.list_multipart_uploads(Bucket="braze").get("Uploads")
        raise KeyboardInterrupt

    assert not s3.list_multipart_uploads(Bucket="braze").get("Uploads")
    assert "Contents" not in s3.list_objects_v2(Bucket="braze", Prefix="parts")


@pytest.mark.parametrize(
    ("words", "flaw"),
    [
        ("s3://braze-typo/x", "cannot read s3://braze-typo/x: there is no such bucket"),
        ("s3://braze/typo/", "cannot read s3://braze/typo: there is no such"),
        ("s3://braze -o s3://braze-typo/x", "cannot write s3://braze-typo/x: there is"),
        ("s3://braze --storage-option profile=hunter2", "credentials are missing"),
        ("s3://braze --storage-option prfile=hunter2", "an option of the client"),
    ],
)
def test_commands_explain_errors_of_s3(
    s3: Any, words: str, flaw: str, run: Run
) -> None:
    """The status is 2, and no value of an option is shown."""
    done = run("transform", *words.split())

    assert done.exit_code == 2
    assert flaw in done.stderr
    assert "hunter2" not in done.stderr


# --- Queues ---------------------------------------------------------------------------


def configuration(route: str, queue: str) -> dict[str, Any]:
    """Return what makes a bucket notify the queue with the ARN *queue*."""
    boto3 = pytest.importorskip("boto3")
    created = {"Events": ["s3:ObjectCreated:*"]}
    if route == "sqs":
        return {"QueueConfigurations": [{"QueueArn": queue, **created}]}
    if route == "sns":
        sns = boto3.client("sns")
        topic = sns.create_topic(Name="currents")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
        return {"TopicConfigurations": [{"TopicArn": topic, **created}]}
    events = boto3.client("events")
    events.put_rule(Name="currents", EventPattern='{"source": ["aws.s3"]}')
    events.put_targets(Rule="currents", Targets=[{"Id": "queue", "Arn": queue}])
    return {"EventBridgeConfiguration": {}}


@pytest.mark.parametrize("route", ["sqs", "sns", "bridge"])
def test_notifications_of_a_bucket_in_a_queue_are_delivered(
    s3: Any, route: str
) -> None:
    """
    A new object arrives as S3, SNS, EventBridge and SQS send it; the message of a lost
    one fails.
    """
    boto3 = pytest.importorskip("boto3")
    sqs, bucket = boto3.client("sqs"), f"notified-{route}"
    queue = sqs.create_queue(QueueName=f"currents-{route}")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration=configuration(
            route, attributes["Attributes"]["QueueArn"]
        ),
    )
    lost = key(CLICK, "2026-01-15", 8, "lost.jsonl")
    s3.put_object(Bucket=bucket, Key=lost, Body=content(1))
    s3.delete_object(Bucket=bucket, Key=lost)
    s3.put_object(Bucket=bucket, Key="currents/", Body=b"")
    s3.put_object(Bucket=bucket, Key=keys()[0], Body=b"")
    s3.put_object(Bucket=bucket, Key=LONG, Body=content(2_500))
    sink = bh.MemorySink()
    ledger = bh.MemoryLedger()
    pipeline = bh.Pipeline(bh.Transformer(), sink, MemoryDeadLetter(), ledger=ledger)

    received = []
    while more := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10):
        if not more.get("Messages"):
            break
        received += more["Messages"]
    messages = [message(m["MessageId"], m["Body"]) for m in received]
    reply = sqs_handler(pipeline)({"Records": messages}, Context())

    (failed,) = reply["batchItemFailures"]
    bodies = {m["MessageId"]: m["Body"] for m in received}
    assert "lost.jsonl" in bodies[failed["itemIdentifier"]]
    assert len(sink.calls) == 2_500
