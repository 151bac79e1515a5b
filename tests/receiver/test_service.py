"""Tests of health, readiness and metrics."""

import asyncio
import json
import math
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

import braze_heap as bh
from braze_heap import Pipeline, SinkUnavailable, Transformer
from braze_heap._sansio import run_now
from braze_heap.exceptions import DeadLetterError
from braze_heap.observers import BatchDetails
from braze_heap.observers.prometheus import PrometheusObserver
from braze_heap.receiver import AsyncReceiver, _http
from braze_heap.receiver._http import ACCEPTED, Response
from braze_heap.receiver.service import READY_AFTER, Metrics, Service
from braze_heap.report import Report
from braze_heap.sinks import MemorySink, Receipt
from braze_heap.state import MemoryLedger, SqliteDeadLetter
from braze_heap.testing import make_raw
from tests.receiver.transports import AUTHORIZED, TOKEN, Answer, MemoryDeadLetter


class Scripted(MemorySink):
    """Sink that raises `failure`, if set."""

    failure: Exception | None = None

    def send(self, calls: Sequence[Any], /) -> Receipt:
        if self.failure:
            raise self.failure
        return super().send(calls)


class Site:
    """Service with its sink and dead letter."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sent: list[Any] = []
        self.sink = Scripted()
        self.dead = MemoryDeadLetter()
        self.metrics = Metrics(lambda: self.now)
        pipeline = Pipeline(
            Transformer(),
            self.sink,
            self.dead,  # type: ignore[arg-type]
            observers=[self.metrics],
        )
        self.receiver = AsyncReceiver(pipeline, TOKEN)
        self.service = Service(self.receiver, self.metrics)

    def ask(self, method: str, path: str, body: bytes = b"", **scope: Any) -> Answer:
        """Send a request with the token."""
        return asyncio.run(self.asked(method, path, body, **scope))

    async def asked(
        self, method: str, path: str, body: bytes = b"", **scope: Any
    ) -> Answer:
        """Make a request in a loop that runs."""
        sent = self.sent = list[Any]()

        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(name.lower().encode(), v.encode()) for name, v in [AUTHORIZED]]
        base = {"type": "http", "method": method, "path": path, "headers": headers}
        await self.service({**base, **scope}, receive, send)
        start, end = sent
        pairs = {k.decode(): v.decode() for k, v in start["headers"]}
        return Answer(start["status"], pairs, end["body"])

    def post(self, *events: Any) -> int:
        """Post a batch, and return the status."""
        return self.ask("POST", "/", batch(*events)).status

    def samples(self) -> dict[str, float]:
        """Return the samples, as Prometheus' own parser reads them."""
        text = self.ask("GET", "/metrics").body.decode()
        return parsed(text)


def parsed(text: str) -> dict[str, float]:
    """Return samples as ``name['label value', ...]``, without process and time."""
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("braze_heap_")
        and not sample.name.endswith("_created")
    }


@pytest.fixture
def site() -> Iterator[Site]:
    """Service that is closed after the test."""
    site = Site()
    yield site
    asyncio.run(site.receiver.close(0))


def batch(*events: Any) -> bytes:
    """Return the body of a request."""
    return json.dumps({"events": events}).encode()


def click(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a deliverable event."""
    return make_raw("users.messages.email.Click", id=f"id-{number}") | changes


PAGES = ["/healthz", "/readyz", "/metrics"]


@pytest.mark.parametrize("page", PAGES)
def test_pages_do_not_need_a_token(site: Site, page: str) -> None:
    """Pages are plain text and must not be cached."""
    answer = site.ask("GET", page, headers=[])

    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-length"] == str(len(answer.body))


@pytest.mark.parametrize("page", PAGES)
def test_head_has_the_headers_of_get(site: Site, page: str) -> None:
    """Only the body is missing."""
    got, headed = site.ask("GET", page), site.ask("HEAD", page)

    if page == "/metrics":  # it has the time that the process ran
        del got.headers["content-length"], headed.headers["content-length"]
    assert (headed.status, headed.headers) == (got.status, got.headers)
    assert headed.body == b""


@pytest.mark.parametrize("path", ["/", "/any/where", *PAGES])
def test_a_post_to_any_path_is_for_the_endpoint(site: Site, path: str) -> None:
    """Braze permanently disables a feed that answers 404."""
    answer = site.ask("POST", path, batch(click()))

    assert (answer.status, len(site.sink.calls)) == (200, 1)


def test_other_paths_are_not_pages(site: Site) -> None:
    """The endpoint accepts only POST."""
    assert site.ask("GET", "/metrics/x").status == 405


def test_pages_are_found_where_the_service_is_mounted(site: Site) -> None:
    """The mount prefix is ignored."""
    answer = site.ask("GET", "/braze/healthz", root_path="/braze")

    assert answer.body == b"alive\n"


def test_another_protocol_is_an_error(site: Site) -> None:
    """A websocket raises."""
    with pytest.raises(ValueError, match="supports http"):
        asyncio.run(site.service({"type": "websocket"}, None, None))  # type: ignore[arg-type]


def test_a_closing_service_is_alive_and_not_ready(site: Site) -> None:
    """A load balancer sends no more requests, and the process is not killed."""
    asyncio.run(site.receiver.close(0))

    assert site.ask("GET", "/readyz").status == 503
    assert site.ask("GET", "/readyz").body == b"receiver: it is closing\n"
    assert site.ask("GET", "/healthz").status == 200


def test_a_failed_batch_is_not_ready_for_a_while(site: Site) -> None:
    """
    After 30 s the service is ready, because it could not recover without requests.
    """
    site.sink.failure = SinkUnavailable("down")
    assert site.post(click()) == 503

    during = site.ask("GET", "/readyz").status
    site.now += READY_AFTER
    after = site.ask("GET", "/readyz")

    assert (during, after.status) == (503, 200)
    assert after.body == b"ready\nsink: no success since 30 s\n"


def test_a_processed_batch_makes_the_service_ready(site: Site) -> None:
    """Only the latest batch counts."""
    site.sink.failure = SinkUnavailable("down")
    site.post(click())
    site.sink.failure = None
    site.post(click())

    assert site.ask("GET", "/readyz").status == 200


def test_a_throttled_service_is_ready(site: Site) -> None:
    """Another process would not help against Heap's rate limits."""
    site.sink.failure = SinkUnavailable("slow down", throttled=True)
    assert site.post(click()) == 429

    assert site.ask("GET", "/readyz").status == 200


def test_a_dead_letter_that_fails_is_not_ready(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """It is tested before an event needs it; page, log and metrics name it."""
    site.dead.failure = DeadLetterError("the volume is read-only")

    answer = site.ask("GET", "/readyz")

    cause = b"dead_letter: it cannot be written; see the log\n"
    assert (answer.status, answer.body) == (503, cause)
    assert "Not ready (503): dead_letter: the volume is read-only" in caplog.text
    assert not_ready(site) == ["dead_letter"]


def not_ready(site: Site) -> list[str]:
    """Return the parts that are not ready by the metrics."""
    samples = site.samples().items()
    parts = {name: value for name, value in samples if "heap_ready[" in name}
    assert len(parts) == 5
    return [name.split("'")[1] for name, value in parts.items() if not value]


class DownLedger(MemoryLedger):
    def update(self, *args: Any) -> Any:
        raise OSError("canary")


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("sink", "has to repeat it: down"),
        ("mapper", "has to repeat it: a mapper cannot map now: lookup"),
        ("ledger", "has to repeat it: the ledger raised OSError"),
    ],
)
def test_page_log_and_metrics_name_the_part_that_failed(
    site: Site, caplog: pytest.LogCaptureFixture, part: str, text: str
) -> None:
    """A sink, a mapper and a ledger that are down are different work for a person."""
    pipeline = site.receiver.pipeline
    event = click()
    match part:
        case "sink":
            site.sink.failure = SinkUnavailable("down")
        case "mapper":

            def fails(event: Any) -> None:
                raise SinkUnavailable("lookup", retry_after=9)

            registry = bh.DEFAULT_MAPPERS.override(event["event_type"], fails)
            pipeline.transformer = Transformer(registry)
        case "ledger":
            pipeline.ledger = DownLedger()
            event = make_raw("users.behaviors.subscription.GlobalStateChange")

    status, page = site.post(event), site.ask("GET", "/readyz")

    assert (status, page.status) == (503, 503)
    assert page.body.startswith(f"{part}: it failed a batch".encode())
    assert text in caplog.text
    assert "canary" not in caplog.text
    assert not_ready(site) == [part]
    outcome = "unavailable" if part == "sink" else part
    assert site.samples()[f"braze_heap_batch_seconds_count['{outcome}']"] == 1


def test_a_full_dead_letter_is_not_ready_until_space_is_free(
    site: Site, tmp_path: Path
) -> None:
    """Time does not matter, because the next batch like it would fail too."""
    big = click(3, time=None) | {"properties": {"url": "u" * 200_000}}
    with SqliteDeadLetter(tmp_path / "dead.db", max_bytes=300_000) as dead:
        site.receiver.pipeline.dead_letter = dead
        statuses = [site.post(big), site.post(click(4) | big | {"id": "id-4"})]
        site.now += 2 * READY_AFTER
        full = site.ask("GET", "/readyz")
        small = site.post(click(5, time=None))
        still = site.ask("GET", "/readyz")
        used = site.samples()["braze_heap_dead_letter_bytes[]"]
        dead.purge(lambda record: True)
        site.now += 2 * READY_AFTER

        assert statuses == [200, 503]
        assert used > 200_000
        assert (full.status, full.body) == (
            503,
            b"dead_letter: it is full; see the log\n",
        )
        assert (small, still.status) == (200, 503)
        assert site.ask("GET", "/readyz").status == 200


def test_metrics_account_for_every_event(site: Site) -> None:
    """Received events are the sum of outcomes; an unreadable body is one event."""
    nobody = click(2)
    del nobody["user"]["external_user_id"]
    site.post(click(1), nobody, click(3, time=None))
    site.ask("POST", "/", b"{")
    site.ask("POST", "/", headers=[])

    samples = site.samples()

    outcomes = {k: v for k, v in samples.items() if "events_total" in k}
    assert {k: v for k, v in outcomes.items() if v} == {
        "braze_heap_events_total['', 'delivered']": 1,
        "braze_heap_events_total['no_identity', 'skipped']": 1,
        "braze_heap_events_total['bad_time', 'dead_lettered']": 1,
        "braze_heap_events_total['dead_lettered', 'unreadable']": 1,
    }
    assert samples["braze_heap_events_received_total[]"] == sum(outcomes.values()) == 4
    assert samples["braze_heap_calls_total[]"] == 1
    assert {k: v for k, v in samples.items() if "requests_total" in k} == {
        f"braze_heap_requests_total['{status}']": status in (200, 400, 401)
        for status in _http.STATUSES
    }


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (SinkUnavailable("down"), "unavailable"),
        (SinkUnavailable("slow", throttled=True), "throttled"),
    ],
)
def test_metrics_count_batches_that_braze_must_resend(
    site: Site, failure: Exception, outcome: str
) -> None:
    """Their duration is measured, and their events are not counted as received."""
    site.sink.failure = failure
    site.post(click())

    samples = site.samples()

    assert samples[f"braze_heap_batch_seconds_count['{outcome}']"] == 1
    assert samples["braze_heap_batch_seconds_count['processed']"] == 0
    assert samples["braze_heap_events_received_total[]"] == 0


def test_every_series_with_fixed_labels_exists_from_the_start(site: Site) -> None:
    """Prometheus sees no increase of a series that begins at 1."""
    before = site.samples()
    nobody = click(2, user={})
    site.post(click(1), nobody, click(3, time=None))
    site.ask("POST", "/", b"{")
    site.sink.failure = SinkUnavailable("slow", throttled=True)
    site.post(click(4))

    assert site.samples().keys() == before.keys()


def test_an_observer_has_the_names_of_the_service(site: Site) -> None:
    """One alert rule fits both."""
    registry = CollectorRegistry()
    PrometheusObserver(registry)
    observed = parsed(generate_latest(registry).decode()).keys()

    others = {name.split("[")[0] for name in site.samples().keys() - observed}
    assert observed <= site.samples().keys()
    assert others == {
        "braze_heap_requests_total",
        "braze_heap_requests_in_flight",
        "braze_heap_bytes_in_flight",
        "braze_heap_ready",
        "braze_heap_dead_letter_bytes",
    }


def test_metrics_contain_no_values_of_events(site: Site) -> None:
    """Tokens, identities and properties are not in the metrics."""
    site.post(click(user={"external_user_id": "canary-1"}), click(2, time="canary-2"))

    text = site.ask("GET", "/metrics").body.decode()

    assert "canary" not in text
    assert TOKEN not in text


def test_metrics_show_the_bytes_of_dead_letters(site: Site, tmp_path: Path) -> None:
    """The state file keeps the number, so a page does not read the records."""
    unknown = site.samples()["braze_heap_dead_letter_bytes[]"]
    with SqliteDeadLetter(tmp_path / "dead.db") as dead:
        site.receiver.pipeline.dead_letter = dead
        site.post(click(1, time=None))

        assert site.samples()["braze_heap_dead_letter_bytes[]"] == dead.used_bytes()
    assert math.isnan(unknown)


def test_a_dead_letter_that_hangs_is_not_ready(site: Site) -> None:
    """Probes are answered in time, and share one check."""
    go, checks = threading.Event(), list[int]()

    class Hanging(MemoryDeadLetter):
        def ready(self) -> None:
            checks.append(1)
            go.wait(30)

    site.receiver.pipeline.dead_letter = Hanging()  # type: ignore[assignment]
    answers = [site.ask("GET", "/readyz") for _ in range(3)]
    go.set()

    assert {(answer.status, answer.body) for answer in answers} == {
        (503, b"dead_letter: it does not answer within 0.5 s\n")
    }
    assert len(checks) == 1


def test_concurrent_requests_are_logged_separately(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """Each request has its own events, although batches run in threads."""
    caplog.set_level("INFO")

    async def posts() -> None:
        bodies = (batch(*map(click, range(size))) for size in range(1, 9))
        await asyncio.gather(*(site.asked("POST", "/", body) for body in bodies))

    asyncio.run(posts())

    logged = [getattr(each, "braze_context", {}) for each in caplog.records]
    assert [*range(1, 9)] == sorted(each["events"] for each in logged)
    assert {200} == {each["status"] for each in logged}
    assert site.metrics.report.received == 36


def test_counts_are_exact_under_threads() -> None:
    """Concurrent threads do not lose counts."""
    metrics = Metrics()
    details = BatchDetails("processed", Report(2, 2), 0.1, "Sink")

    async def handle() -> Response:
        metrics(details)
        return ACCEPTED

    def count() -> None:
        for _ in range(300):
            run_now(metrics._measure(handle()))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert metrics.report == Report(4800, 4800)
    samples = parsed(metrics.text())
    assert samples["braze_heap_requests_total['200']"] == 2400
    assert samples["braze_heap_batch_seconds_count['processed']"] == 2400


def test_gauges_show_what_is_in_flight(site: Site) -> None:
    """A batch in the sink is one request in flight, with its bytes."""
    body, seen = batch(click()), list[str]()

    class Observing(Scripted):
        def send(self, calls: Sequence[Any], /) -> Receipt:
            seen.append(site.metrics.text(site.receiver.in_flight))
            return super().send(calls)

    site.receiver.pipeline.sink = Observing()
    site.ask("POST", "/", body)

    assert "braze_heap_requests_in_flight 1.0\n" in seen[0]
    assert f"braze_heap_bytes_in_flight {len(body)}.0\n" in seen[0]
    assert site.receiver.in_flight == (0, 0)


def test_a_cancelled_request_is_counted(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """Braze gets a 503, so that it resends the events."""
    go = threading.Event()

    class Slow(Scripted):
        def send(self, calls: Sequence[Any], /) -> Receipt:
            go.wait(5)
            return super().send(calls)

    site.receiver.pipeline.sink = Slow()

    async def cut() -> None:
        task = asyncio.create_task(site.asked("POST", "/", batch(click())))
        while site.receiver.in_flight == (0, 0):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        go.set()

    asyncio.run(cut())

    assert site.metrics.cancelled == 1
    assert "Request cut off (503)" in caplog.text
    assert (site.sent[0]["status"], site.sent[0]["headers"][-1]) == (
        503,
        (b"retry-after", b"5"),
    )
    assert site.samples()["braze_heap_requests_total['503']"] == 1
