"""Tests of the contract tests for sinks: each violation is found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap.calls import Call, Track
from braze_heap.sinks import MemorySink, Receipt, Rejection, Tee
from braze_heap.sinks._protocol import (
    AsyncClosingContextManager,
    ClosingContextManager,
)
from braze_heap.testing import check_async_sink, check_sink

pytestmark = pytest.mark.slow

REJECTED = Track("Bad", "check-sink", "2024-01-01T00:00:00+00:00", "bad", {})


class FlawedSink(ClosingContextManager):
    """A sink with one flaw, or none."""

    def __init__(self, flaw: str = "") -> None:
        self.flaw = flaw
        self.taken: list[dict[str, Any]] = []
        self.kept: list[Call] = []
        self.is_closed = False

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """Accept *calls*, or do what the flaw says."""
        if self.flaw == "down":
            raise SinkUnavailable(retry_after=1.0)
        places = [i for i, call in enumerate(calls) if call == REJECTED]
        self._spoil(calls)
        self.taken += [call.to_dict() for call in calls]
        rejections = tuple(Rejection(i, "unwanted") for i in places)
        return Receipt(len(calls) - len(places), rejections)

    def _spoil(self, calls: Sequence[Call]) -> None:
        match self.flaw:
            case "keeps":
                self.kept += calls
            case "changes" if calls:
                calls[0].identity = "somebody else"
            case "needs a list":
                calls.sort  # type: ignore[attr-defined]  # noqa: B018
            case "reorders" if len(calls) > 20:
                self.taken.reverse()
            case "loses" if calls and "thread-3" in calls[0].identity:
                raise KeyError

    def close(self) -> None:
        """Close once."""
        if self.is_closed and self.flaw == "closes once":
            raise OSError("closed twice")
        self.is_closed = True


class AsyncFlawedSink(AsyncClosingContextManager):
    """The same for async code."""

    def __init__(self, flaw: str = "") -> None:
        self.inner = FlawedSink(flaw)

    async def send(self, calls: Sequence[Call], /) -> Receipt:
        """Accept *calls*, after other tasks had their turn."""
        await asyncio.sleep(0)
        return self.inner.send(calls)

    async def close(self) -> None:
        """Close."""
        self.inner.close()


def check_flawed(flaw: str) -> None:
    """Check a `FlawedSink`."""
    made: list[FlawedSink] = []

    def factory() -> FlawedSink:
        made.append(FlawedSink(flaw))
        return made[-1]

    check_sink(
        factory,
        received=lambda: made[-1].taken,
        rejected=REJECTED,
        unavailable=lambda: FlawedSink("down"),
    )


def check_async_flawed(flaw: str) -> None:
    """Check an `AsyncFlawedSink`."""
    made: list[AsyncFlawedSink] = []

    def factory() -> AsyncFlawedSink:
        asyncio.get_running_loop()
        made.append(AsyncFlawedSink(flaw))
        return made[-1]

    asyncio.run(
        check_async_sink(
            factory,
            received=lambda: made[-1].inner.taken,
            rejected=REJECTED,
            unavailable=lambda: AsyncFlawedSink("down"),
        )
    )


CHECKS = pytest.mark.parametrize(
    "check", [check_flawed, check_async_flawed], ids=["sync", "async"]
)


@CHECKS
def test_sink_without_a_flaw_passes(check: Callable[[str], None]) -> None:
    """A sink that fulfills the contract passes the check."""
    check("")


@CHECKS
@pytest.mark.parametrize(
    ("flaw", "error", "promise"),
    [
        ("keeps", AssertionError, "no reference"),
        ("changes", AssertionError, "should not change"),
        ("needs a list", AttributeError, "sort"),
        ("reorders", AssertionError, "in order"),
        ("loses", KeyError, None),
        ("closes once", OSError, "closed twice"),
        ("down", SinkUnavailable, None),
    ],
)
def test_violation_of_the_contract_is_named(
    check: Callable[[str], None],
    flaw: str,
    error: type[Exception],
    promise: str | None,
) -> None:
    """The check raises an error that says which part of the contract is violated."""
    with pytest.raises(error, match=promise):
        check(flaw)


def test_unavailable_sink_has_to_raise() -> None:
    """The sink of ``unavailable`` fails the check if it accepts calls."""
    with pytest.raises(AssertionError, match="should raise SinkUnavailable"):
        check_sink(MemorySink, unavailable=MemorySink)


def test_rejected_call_has_to_be_reported() -> None:
    """The check fails if a sink accepts the call of ``rejected``."""
    with pytest.raises(AssertionError, match="should not affect the others"):
        check_sink(lambda: Tee(MemorySink()), rejected=REJECTED)
