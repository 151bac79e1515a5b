"""Counters of a service, and their Prometheus text format."""

from __future__ import annotations

import bisect
import contextlib
import contextvars
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias, get_args

import attrs

from braze_heap.heap._encoder import Adjustment
from braze_heap.observers import BatchDetails, Outcome
from braze_heap.reasons import Reason, SkipReason
from braze_heap.receiver._responses import UNREADABLE
from braze_heap.report import Report

BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds. A Heap sink stops retrying a batch after 10."""

_UNREADABLE: Final = Report(
    received=1, dead_lettered_by_reason={str(Reason.UNREADABLE): 1}
)

_NO_REASONS: Final = MappingProxyType(dict.fromkeys(map(str, Reason), 0))
_NO_SKIPS: Final = MappingProxyType(dict.fromkeys(map(str, SkipReason), 0))
_NO_CHANGES: Final = MappingProxyType(dict.fromkeys(map(str, Adjustment), 0))
"""Exported at 0, because Prometheus sees an increase only of an existing series."""


@attrs.define
class RequestMetrics:
    """
    One request to the endpoint, and counts of its events. Without values of events.

    Attributes:
        status: Status of the response; `None` if the server cancelled the request.
        seconds: Time to the response.
        report: Counts of the processed events; empty for most responses except 200.
    """

    status: int | None = None
    seconds: float = 0.0
    report: Report = attrs.field(factory=Report)


_REQUEST: Final = contextvars.ContextVar[RequestMetrics]("braze_heap_request")


@attrs.define(eq=False)
class Metrics:
    """
    Count requests, events and batches. Thread-safe.

    An `Observer`: pass it to the pipeline of the receiver.

    Attributes:
        report: Counts of all events; an unreadable body is one event.
        statuses: Responses of the endpoint, by status.
        cancelled: Requests that the server cancelled.
        failed_at: Time of *clock* at which the latest batch failed; `None` if it was
            processed.
        clock: Monotonic seconds.
    """

    clock: Callable[[], float] = time.monotonic
    report: Report = attrs.field(factory=Report, init=False)
    statuses: Counter[int] = attrs.field(factory=Counter, init=False)
    cancelled: int = attrs.field(default=0, init=False)
    failed_at: float | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _batches: Mapping[str, _Histogram] = attrs.field(init=False)

    @_batches.default
    def _empty_histograms(self) -> Mapping[str, _Histogram]:
        return {outcome: _Histogram() for outcome in get_args(Outcome)}

    def __call__(self, details: BatchDetails, /) -> None:
        """Count a batch."""
        report = details.report or Report()
        with self._lock:
            self._batches[details.outcome].observe(details.seconds)
            self.report += report
            if details.outcome == "processed":
                self.failed_at = None
            elif details.outcome != "throttled":
                self.failed_at = self.clock()
        if (request := _REQUEST.get(None)) is not None:
            request.report += report

    @contextlib.contextmanager
    def measure_request(self) -> Iterator[RequestMetrics]:
        """Count one request, which includes the batches that run in the block."""
        request, start = RequestMetrics(), self.clock()
        token = _REQUEST.set(request)
        try:
            yield request
        finally:
            _REQUEST.reset(token)
            request.seconds = self.clock() - start
            self._count(request)

    def _count(self, request: RequestMetrics) -> None:
        """Count a finished request. An unreadable body is one event without a batch."""
        unreadable = _UNREADABLE if request.status == UNREADABLE.status else Report()
        request.report += unreadable
        with self._lock:
            self.report += unreadable
            if request.status is None:
                self.cancelled += 1
            else:
                self.statuses[request.status] += 1

    def text(self, requests: int, size: int, dead: Mapping[str, int] | None) -> str:
        """
        Return all metrics in Prometheus' text format 0.0.4.

        Args:
            requests: Batches in flight.
            size: Bytes in flight.
            dead: Records in the dead letter by reason; `None` if unknown.
        """
        with self._lock:
            families = [
                *_events(self.report),
                _requests(self.statuses),
                _seconds(self._batches),
            ]
        families += [
            _gauge("requests_in_flight", "Batches in flight.", requests),
            _gauge("bytes_in_flight", "Bytes of bodies in flight.", size),
        ]
        if dead is not None:
            counts = {**_NO_REASONS, **dead}.items()
            samples = [_sample(n, reason=r) for r, n in counts]
            text = "Records in the dead letter, counted periodically."
            families.append(_Family("dead_letters", "gauge", text, samples))
        return "".join(f"{line}\n" for family in families for line in family.lines())


@attrs.define
class _Histogram:
    counts: list[int] = attrs.field(factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect.bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds

    def samples(self, outcome: str) -> Iterator[_Sample]:
        bounds = [*map(str, BUCKETS), "+Inf"]
        sums = itertools.accumulate(self.counts)
        for bound, number in zip(bounds, sums, strict=True):
            yield "_bucket", {"outcome": outcome, "le": bound}, number
        yield "_sum", {"outcome": outcome}, round(self.total, 6)
        yield "_count", {"outcome": outcome}, sum(self.counts)


_Sample: TypeAlias = tuple[str, Mapping[str, str], float]


@attrs.frozen
class _Family:
    name: str
    kind: str
    text: str
    samples: Iterable[_Sample]

    def lines(self) -> Iterator[str]:
        yield f"# HELP braze_heap_{self.name} {self.text}"
        yield f"# TYPE braze_heap_{self.name} {self.kind}"
        for suffix, labels, value in self.samples:
            yield f"braze_heap_{self.name}{suffix}{_braces(labels)} {value}"


def _braces(labels: Mapping[str, str]) -> str:
    pairs = ",".join(
        f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items()
    )
    return f"{{{pairs}}}" if pairs else ""


_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def _sample(value: float, **labels: str) -> _Sample:
    return "", labels, value


def _counter(name: str, text: str, samples: Iterable[_Sample]) -> _Family:
    return _Family(name, "counter", text, samples)


def _gauge(name: str, text: str, value: float) -> _Family:
    return _Family(name, "gauge", text, [_sample(value)])


def _events(report: Report) -> Iterator[_Family]:
    every = attrs.evolve(
        report,
        skipped_by_reason={**_NO_SKIPS, **report.skipped_by_reason},
        dead_lettered_by_reason={**_NO_REASONS, **report.dead_lettered_by_reason},
    )
    yield _counter(
        "events_received_total",
        "Events in processed batches; an unreadable body is one event.",
        [_sample(report.received)],
    )
    yield _counter(
        "events_total",
        "Events by outcome; the sum is braze_heap_events_received_total.",
        [_sample(n, outcome=o, reason=r) for o, r, n in every.outcomes()],
    )
    yield _counter(
        "calls_total", "Calls that the sink accepted.", [_sample(report.calls)]
    )
    yield _counter(
        "unknown_total",
        "Occurrences of unknown types and fields; braze-heap drift lists them.",
        [_sample(sum(report.unknown.values()))],
    )
    yield _counter(
        "invalid_total",
        "Custom events and purchases that are invalid for their declared class.",
        [
            _sample(n, **{"class": m.class_name, "field": m.field, "reason": m.reason})
            for m, n in report.invalid.items()
        ],
    )
    yield _counter(
        "adjustments_total",
        "Values changed to be legal for Heap, by kind.",
        [_sample(n, kind=k) for k, n in {**_NO_CHANGES, **report.adjustments}.items()],
    )
    yield _counter(
        "not_sent_total",
        "Calls not made, by reason, for events of which something else is sent.",
        [_sample(n, reason=r) for r, n in {**_NO_SKIPS, **report.not_sent}.items()],
    )
    yield _counter(
        "compiled_errors_total",
        "Events that were mapped slowly because of a bug in braze_heap.",
        [_sample(sum(report.compiled_errors.values()))],
    )


def _requests(statuses: Mapping[int, int]) -> _Family:
    samples = [_sample(n, status=str(s)) for s, n in sorted(statuses.items())]
    return _counter("requests_total", "Responses by status.", samples)


def _seconds(batches: Mapping[str, _Histogram]) -> _Family:
    samples = [s for name, each in batches.items() for s in each.samples(name)]
    text = "Duration of batches: mapping, delivery and dead letters."
    return _Family("batch_seconds", "histogram", text, samples)
