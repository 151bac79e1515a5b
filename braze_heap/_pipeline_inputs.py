"""Checks of the arguments of a pipeline, and batches of its sources."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import (
    AsyncIterable,
    Awaitable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
)
from typing import Any, Final

from braze_heap._json import SentEvents
from braze_heap._wiring import check_function, kind_of, require, several, warn
from braze_heap.heap.calls import AddUserProperties, Call, DeleteUser, Track
from braze_heap.observers import Observer
from braze_heap.parsing import YEAR_2100
from braze_heap.transformer import Source, check_events, items_of
from braze_heap.wire._source import refuse_path


def check_transformer(user: str, transformer: object) -> bool:
    """
    Raise a TypeError if *transformer*, given to the class *user*, is not one.

    Returns:
        Whether its ``transform`` takes *outages*. That of a wrapper may not.
    """
    needed = "a Transformer first, such as Transformer(mappers)"
    require(user, needed, transformer, "transform")
    transform = transformer.transform  # type: ignore[attr-defined]
    check_function(
        f"{type(transformer).__name__}.transform", transform, takes="a batch"
    )
    try:
        inspect.signature(transform).bind("a batch", outages=None)
    except (TypeError, ValueError):
        return False
    return True


LIVE_LEDGER: Final = (
    "the ledger of the live service, so that old values do not replace newer ones: "
    "Pipeline(..., ledger=state.ledger)"
)


def checked_calls(calls: Iterable[Call], *, has_ledger: bool) -> list[Call]:
    """Return *calls*, of a program. Raise if one is invalid, with its index."""
    calls = [*several("calls", calls, "call")]
    for index, call in enumerate(calls):
        if not isinstance(call, Track | AddUserProperties | DeleteUser):
            advice = "Track, AddUserProperties or DeleteUser, such as calls_of(table)"
            raise TypeError(f"call {index} is {kind_of(call)}: it must be {advice}")
        for name in ("identity", "event_id"):
            text = getattr(call, name, "")
            if not isinstance(text, str):
                raise TypeError(f"call {index}: {name} must be a text, {_not(text)}")
        if isinstance(call, AddUserProperties) and not has_ledger:
            raise ValueError(f"calls with user properties need {LIVE_LEDGER}")
        if isinstance(call, AddUserProperties):
            _check_user_properties(index, call)
    return calls


def _check_user_properties(index: int, call: AddUserProperties) -> None:
    time = call.time
    if isinstance(time, bool) or not isinstance(time, float | int):
        raise TypeError(f"call {index}: time must be seconds, {_not(time)}")
    if not 0 < time < YEAR_2100:  # nor is NaN
        raise ValueError(
            f"call {index}: time must be the seconds of its event since 1970, in UTC, "
            "by which the newest value wins"
        )
    if not isinstance(call.properties, dict):
        raise TypeError(f"call {index}: properties must be a dict")
    for name, value in call.properties.items():
        if not (isinstance(name, str) and isinstance(value, str | int | float)):
            raise TypeError(f"call {index}: each property must be a text or a number")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"call {index}: a property is not a finite number")
    if call.destinations:
        raise ValueError(f"call {index}: omit destinations, which the pipeline sets")


def _not(value: object) -> str:
    return f"not {kind_of(value)}"


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
    source = check_source(source)
    if isinstance(source, bytearray | memoryview):
        source = bytes(source)
    if not isinstance(source, Iterator):
        return (dict(source) if isinstance(source, Mapping) else source,)
    return _split(source, size)


def check_source(source: Source) -> Source:
    """
    Return *source*, with what may be iterated only once in a list. Raise, with advice,
    if it has to be read first, or a program made it and it contains no events.
    """
    if isinstance(source, AsyncIterable | Awaitable):
        raise TypeError(
            f"a source is read without await, but this is {kind_of(source)}: pass "
            "a list of events, such as [event async for event in stream]"
        )
    if isinstance(source, str):
        refuse_path(source)
    elif isinstance(source, os.PathLike) or callable(getattr(source, "read", None)):
        raise ValueError(
            f"a pipeline takes events, not {type(source).__name__}: write "
            "run(read_events(path_or_file))"
        )
    elif not isinstance(source, bytes | bytearray | memoryview | Mapping | Iterator):
        if isinstance(source, Iterable) and not isinstance(source, Collection):
            source = [*source]
        if not isinstance(source, SentEvents):
            check_events(items_of(source), is_sent=False)
    return source


def _split(events: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Split *events* into batches. The events before an error are the last batch."""
    batch: list[Any] = []
    try:
        for event in events:
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
