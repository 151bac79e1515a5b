"""Tests of the contract tests for sinks: each broken promise is found, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import pytest

from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap.calls import Call, Track
from braze_heap.sinks import MemorySink, Receipt, Rejection, Tee
from braze_heap.testing import check_async_sink, check_sink

REJECTED = Track("Bad", "check-sink", "2024-01-01T00:00:00+00:00", "bad", {})


class Stranger:
    """A sink that inherits nothing, with one flaw."""

    def __init__(self, flaw: str = "") -> None:
        self.flaw = flaw
        self.taken: list[dict[str, Any]] = []
        self.kept: list[Call] = []
        self.is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """Take *calls*, or do what the flaw says."""
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


class AsyncStranger:
    """The same for async code."""

    def __init__(self, flaw: str = "") -> None:
        self.inner = Stranger(flaw)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def send(self, calls: Sequence[Call], /) -> Receipt:
        """Take *calls*, after others had their turn."""
        await asyncio.sleep(0)
        return self.inner.send(calls)

    async def close(self) -> None:
        """Close."""
        self.inner.close()


def check_stranger(flaw: str) -> None:
    """Check the sync one."""
    made: list[Stranger] = []

    def factory() -> Stranger:
        made.append(Stranger(flaw))
        return made[-1]

    check_sink(
        factory,
        received=lambda: made[-1].taken,
        rejected=REJECTED,
        unavailable=lambda: Stranger("down"),
    )


def check_async_stranger(flaw: str) -> None:
    """Check the async one."""
    made: list[AsyncStranger] = []

    def factory() -> AsyncStranger:
        asyncio.get_running_loop()
        made.append(AsyncStranger(flaw))
        return made[-1]

    asyncio.run(
        check_async_sink(
            factory,
            received=lambda: made[-1].inner.taken,
            rejected=REJECTED,
            unavailable=lambda: AsyncStranger("down"),
        )
    )


CHECKS = pytest.mark.parametrize(
    "check", [check_stranger, check_async_stranger], ids=["sync", "async"]
)


@CHECKS
def test_a_strangers_sink_passes(check: Callable[[str], None]) -> None:
    """A sink needs nothing of ours but the words it answers with."""
    check("")


@CHECKS
@pytest.mark.parametrize(
    ("flaw", "error", "promise"),
    [
        ("keeps", AssertionError, "no reference"),
        ("changes", AssertionError, "not changed"),
        ("needs a list", AttributeError, "sort"),
        ("reorders", AssertionError, "in order"),
        ("loses", KeyError, None),
        ("closes once", OSError, "closed twice"),
        ("down", SinkUnavailable, None),
    ],
)
def test_a_broken_promise_is_named(
    check: Callable[[str], None],
    flaw: str,
    error: type[Exception],
    promise: str | None,
) -> None:
    """The check raises, and says which promise it is."""
    with pytest.raises(error, match=promise):
        check(flaw)


def test_what_cannot_decide_must_say_so() -> None:
    """A sink that takes everything is not unavailable."""
    with pytest.raises(AssertionError, match="raises SinkUnavailable"):
        check_sink(MemorySink, unavailable=MemorySink)


def test_a_refusal_must_be_told() -> None:
    """A sink that takes what its destination refuses is found out."""
    with pytest.raises(AssertionError, match="does not hold back"):
        check_sink(lambda: Tee(MemorySink()), rejected=REJECTED)
