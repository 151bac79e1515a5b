"""Checks of the arguments of a pipeline, and batches of its sources."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Awaitable, Iterable, Iterator, Mapping
from types import NoneType
from typing import Any, Final

from braze_heap._wiring import check_function, kind_of, require, warn
from braze_heap.events import CurrentsEvent
from braze_heap.observers import Observer
from braze_heap.transformer import Source
from braze_heap.wire import RawEvent, Unreadable
from braze_heap.wire._source import refuse_path


def check_transformer(user: str, transformer: object) -> None:
    """Raise a TypeError if *transformer*, given to the class *user*, is not one."""
    needed = "a Transformer first, such as Transformer(mappers)"
    require(user, needed, transformer, "transform")


LIVE_LEDGER: Final = (
    "the ledger of the live service, so that old values do not replace newer ones: "
    "Pipeline(..., ledger=state.ledger)"
)


def warn_of_memory_ledger(user: str, pipeline: Any) -> None:
    """Warn if *pipeline*, of a container, does not know what others have sent."""
    policies = getattr(pipeline.transformer, "_policies", None)
    is_sent = policies is None or policies.options.user_properties != "none"
    if pipeline.has_default_ledger and is_sent:
        warn(
            f"{user}: each container has a ledger of its own, in memory, so an old "
            "value of a user property can replace a newer one of another container. "
            "Use Pipeline(..., ledger=SqlState(url).ledger), or omit user properties: "
            "Transformer(user_properties='none')"
        )


def missing_destination(need: str, sink: object) -> TypeError:
    """Return the error if *sink* has no destination, which is the *need* of a store."""
    return TypeError(
        f"{need} per destination, but {type(sink).__name__} names none: give it an "
        "attribute destination, a text such as 'warehouse eu', and each Filtered a name"
    )


def check_observers(given: Iterable[Observer]) -> tuple[Observer, ...]:
    """Return the observers *given*. Raise if they are not functions of a batch."""
    if callable(given) or not isinstance(given, Iterable):
        raise TypeError(
            f"observers must be a list, not {kind_of(given)}: write [observer]"
        )
    observers = tuple(given)
    for observer in observers:
        if isinstance(observer, type):
            raise TypeError(
                f"an observer must be an instance, not {kind_of(observer)}: "
                f"write {observer.__name__}()"
            )
        check_function("an observer", observer, takes="BatchDetails")
    return observers


def split_into_batches(source: Source, size: int) -> Iterable[Source]:
    """
    Return *source* in batches of *size* events if it is an iterator, else as one batch.

    Raises:
        TypeError: *source* is a coroutine or an asynchronous stream, or does not
            contain events.
        ValueError: *source* is a path or an open file, which `read_events` reads.
    """
    if isinstance(source, AsyncIterable | Awaitable):
        raise TypeError(
            f"a source is read without await, but this is {kind_of(source)}: pass "
            "a list of events, such as [event async for event in stream]"
        )
    _check_is_events(source)
    if isinstance(source, bytearray | memoryview):
        source = bytes(source)
    if not isinstance(source, Iterator):
        return (dict(source) if isinstance(source, Mapping) else source,)
    return _split(source, size)


def _check_is_events(source: object) -> None:
    """Raise, with advice, if *source* has to be read first or contains no events."""
    if isinstance(source, str):
        refuse_path(source)
    first = source[0] if isinstance(source, list | tuple) and source else source
    if isinstance(first, os.PathLike) or callable(getattr(source, "read", None)):
        raise ValueError(
            f"a pipeline takes events, not {type(source).__name__}: write "
            "run(read_events(path_or_file))"
        )
    if first is not source:
        _check_is_decoded(first)
    if isinstance(source, type) or not isinstance(source, _SOURCES):
        raise TypeError(f"a pipeline takes events, not {kind_of(source)}")


_SOURCES: Final = (Iterable, CurrentsEvent, RawEvent, Unreadable, float, int, NoneType)
"""Types that `run` accepts. A number is valid JSON, and becomes a dead letter."""


def _check_is_decoded(event: object) -> None:
    """Raise a TypeError if *event*, the first of a batch, is not decoded."""
    if isinstance(event, bytes | bytearray | memoryview):
        raise TypeError(
            f"an event is a dict, not {type(event).__name__}: decode each one first, "
            "as with map(json.loads, lines), or pass a whole file to read_events"
        )


def _split(events: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Split *events* into batches. The events before an error are the last batch."""
    batch: list[Any] = []
    try:
        for event in events:
            if not batch:
                _check_is_decoded(event)
            batch.append(event)
            if len(batch) == size:
                full, batch = batch, []
                yield full
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
