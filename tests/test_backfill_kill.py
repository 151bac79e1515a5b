"""
SIGKILL of ``braze-heap backfill``, which reads from an emulated S3.

Needs the extra ``engines``:

    python -m pytest -s -m campaign tests/test_backfill_kill.py
"""

import collections
import gzip
import json
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.testing import make_traffic
from braze_heap.testing.fake_heap import FakeHeap
from tests.cli.conftest import start

EVENTS = 200_000
KILLS = 3
URL = "s3://braze/currents"
SPLIT = (
    "users.behaviors.subscription.GlobalStateChange",
    "users.behaviors.subscriptiongroup.StateChange",
    "users.messages.email.Send",
    "users.messages.email.Delivery",
    "users.messages.email.Open",
    "users.messages.pushnotification.Send",
)
"""Types with two objects, as two partitions of Kafka: their times interleave."""


@pytest.fixture(scope="module")
def traffic() -> list[dict[str, Any]]:
    return make_traffic(EVENTS)


@pytest.fixture(scope="module")
def s3(traffic: list[dict[str, Any]]) -> Iterator[None]:
    """Start S3 of moto with the events in 21 objects."""
    boto3 = pytest.importorskip("boto3")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = pytest.importorskip("moto.server").ThreadedMotoServer(
        "127.0.0.1", port, verbose=False
    )
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket="braze")
        objects = collections.defaultdict(list)
        for number, event in enumerate(traffic):
            kind = event["event_type"]
            objects[kind, number % 2 if kind in SPLIT else 0].append(event)
        for (kind, part), events in objects.items():
            name = f"currents/event_type={kind}/date=2026-01-01-00/part+{part}.json.gz"
            body = gzip.compress("\n".join(map(json.dumps, events)).encode(), 1)
            client.put_object(Bucket="braze", Key=name, Body=body)
        assert len(objects) == 21
        yield
    server.stop()


@pytest.fixture(scope="module")
def people(traffic: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the user properties after all events in the order of their times."""
    people: dict[str, dict[str, Any]] = collections.defaultdict(dict)
    transformer = bh.Transformer()
    for event in sorted(traffic, key=lambda event: (event["time"], event["id"])):
        for call in transformer.transform([event]).calls:
            if isinstance(call, bh.AddUserProperties):
                people[call.identity] |= call.properties
    return dict(people)


def run(heap: FakeHeap, state: Path) -> "subprocess.Popen[bytes]":
    """Start the command without Heap's rates, and patient: the machine may be busy."""
    options = "allow_http=1&events_a_minute=100000000&timeout=100&deadline=300"
    sink = f"heap:?app_id=11&base_url={heap.url}&{options}"
    return start("backfill", URL, "--sink", sink, "--state", state, "--yes", "--json")


@pytest.mark.campaign
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", range(10))
def test_three_kills_repeat_few_events(
    s3: None,
    traffic: list[dict[str, Any]],
    people: dict[str, Any],
    tmp_path: Path,
    seed: int,
) -> None:
    """All events arrive, at most 2 % of them twice, and the newest user properties."""
    chance = random.Random(seed)
    moments = sorted(chance.uniform(0.02, 0.98) * EVENTS for _ in range(KILLS))
    with FakeHeap(rate_limits=False) as heap:
        for moment in moments:
            process = run(heap, tmp_path / "state.db")
            while heap.counts.events < moment and process.poll() is None:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert process.returncode == -signal.SIGKILL
        out, err = run(heap, tmp_path / "state.db").communicate()
        assert json.loads(out)["finished"], err
        counts = heap.counts
        print(f"\nseed {seed}: killed at", *(f"{m:,.0f}" for m in moments), end="")
        print(f", {counts.duplicates:,} repeated ({counts.duplicates / EVENTS:.2%})")

        assert heap.events.keys() == {event["id"] for event in traffic}
        assert counts.duplicates <= 0.02 * EVENTS
        assert heap.people == people
