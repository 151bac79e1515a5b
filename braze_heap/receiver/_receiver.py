"""
What becomes of a request, decided once; waited for in two ways.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import inspect
import logging
import time
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Sequence,
)
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeAlias, TypeVar

import attrs

from braze_heap._errors import error_context, place_of
from braze_heap._options import doc, option, takes
from braze_heap._repeats import Repeats
from braze_heap._sansio import drive, drive_async, in_thread
from braze_heap._wiring import is_async, kind_of
from braze_heap.exceptions import DeadLetterError, DeliveryError, retry_after_of
from braze_heap.pipeline import AsyncPipeline, Pipeline, append_to, mappers_of
from braze_heap.reasons import Reason
from braze_heap.receiver import _responses
from braze_heap.receiver._admission import CapacityError, Hand, Limits, Share
from braze_heap.receiver._auth import Authenticator, as_authenticator
from braze_heap.receiver._envelope import TooManyError, events_in, inflated
from braze_heap.receiver._http import Body, IncompleteBodyError, Request, Response
from braze_heap.report import Report
from braze_heap.state.dead_letters import DeadRecord
from braze_heap.wire import UnreadableError

logger = logging.getLogger("braze_heap.receiver")

PROTOCOL: Final = "1"
"""Braze, custom HTTP connector: the ``Braze-Currents-Version`` that is understood."""

DEAD_LETTER_WAIT: Final = 30.0
"""Seconds until a dead letter that cannot be written is tried again."""

_LARGE: Final = 1 << 18
"""Bytes from which on a body is decoded in a thread, not on the event loop."""


@attrs.frozen
class _Read:
    body: Body = attrs.field(repr=False)
    share: Share


@attrs.frozen
class _Work:
    """
    Something that takes time, but waits for nothing.
    """

    size: int
    work: Callable[[], Any]


@attrs.frozen
class _Run:
    events: list[Any] = attrs.field(repr=False)


@attrs.frozen
class _Keep:
    records: Sequence[DeadRecord]


_Step: TypeAlias = _Read | _Work | _Run | _Keep
_Steps: TypeAlias = Generator[_Step, Any, Any]
_P = TypeVar("_P", bound=Pipeline | AsyncPipeline)


@attrs.frozen(kw_only=True)
class _Arguments(Generic[_P]):
    pipeline: _P = attrs.field(
        kw_only=False,
        metadata=doc(
            "The pipeline to run; it has a dead letter. An `AsyncReceiver` runs a "
            "`Pipeline` in threads, one for each request in flight."
        ),
    )
    tokens: str | Iterable[str] | Authenticator = attrs.field(
        kw_only=False,
        metadata=doc(
            "The bearer token of the feed, or several while one is being replaced. "
            "See `Tokens.from_env`. `UNAUTHENTICATED`, by name, disables "
            "authentication."
        ),
    )
    limits: Limits = option(Limits(), "Amounts that are taken in at once.")
    now: Callable[[], float] = option(time.time, "UTC epoch seconds, for dead letters.")
    clock: Callable[[], float] = option(
        time.monotonic,
        "Monotonic seconds, for the log: a cause that repeats is logged once a minute.",
    )


class _ReceiverBase(Generic[_P]):
    """
    What both receivers share: everything but the waiting.
    """

    def _configure(self, options: _Arguments[_P]) -> None:
        if not isinstance(options.limits, Limits):
            kind = kind_of(options.limits)
            raise TypeError(f"limits must be Limits(...), not {kind}")
        self.pipeline: _P = options.pipeline
        self.limits: Limits = options.limits
        self._authenticator = as_authenticator(options.tokens)
        self._now = options.now
        self._repeats = Repeats(options.clock)
        self._hand = Hand(options.limits)
        self._is_warned = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.pipeline!r}, {self._authenticator!r}>"

    @property
    def is_open(self) -> bool:
        """
        Whether requests are taken: until it is closed.
        """
        return self._hand.is_open

    @property
    def in_flight(self) -> tuple[int, int]:
        """
        How many batches are being settled, and how many bytes are held.
        """
        return self._hand.held

    def _flush_log(self) -> None:
        for repeats in (self._repeats, self.pipeline._repeats):
            repeats.flush(at_end=True)

    def _answered(self, request: Request) -> _Steps:
        """
        Return the steps to the answer, which there is whatever goes wrong.
        """
        try:
            return (yield from self._admitted(request))
        except DeadLetterError:  # logged by the pipeline, or where a body is kept
            return _responses.later(DEAD_LETTER_WAIT)
        except DeliveryError as error:  # logged by the pipeline
            is_throttled = getattr(error, "throttled", False) is True
            return _responses.later(retry_after_of(error), is_throttled=is_throttled)
        except CapacityError as error:
            return self._refused(_responses.later(), f"{error}; Braze sends it again")
        except IncompleteBodyError:
            cause = "its sender went away before the body was complete"
            return self._refused(_responses.later(), cause)
        except TimeoutError:
            cause = f"its body did not come within {self.limits.body_seconds:g} s"
            return self._refused(_responses.later(), cause)
        except Exception as error:
            text = f"A request failed (503): {place_of(error)}"
            context = {**error_context(error), "status": 503}
            self._repeats.log(logger, logging.ERROR, text, context=context)
            return _responses.later()

    def _refused(self, answer: Response, cause: str) -> Response:
        """
        Return *answer*, and log the cause of it.
        """
        text = f"A request was not accepted ({answer.status}): {cause}"
        context = {"status": answer.status}
        self._repeats.log(logger, logging.WARNING, text, context=context)
        return answer

    def _admitted(self, request: Request) -> _Steps:
        if request.method != "POST":  # RFC 9110: methods are case-sensitive
            return self._refused(_responses.NO_POST, "it is not a POST")
        authorizations = request.values("authorization")
        admitted = self._authenticator.is_authorized(authorizations)
        if inspect.isawaitable(admitted):
            raise TypeError("is_authorized is called without await, but is async")
        if not admitted:
            has = (
                "another bearer token" if authorizations else "no Authorization header"
            )
            advice = "if it is from Braze, use the token of the feed: it stops at a 401"
            return self._refused(_responses.UNKNOWN, f"it has {has}; {advice}")
        coding = _coding(request)
        if coding not in ("", "gzip"):
            cause = "its Content-Encoding is not gzip"
            return self._refused(_responses.NO_GZIP, cause)
        self._look_at_version(request)
        with self._hand.share() as share:
            yield _Read(request.body, share)
            with self._hand.place():
                return (yield from self._settled(share, is_zipped=coding == "gzip"))

    def _settled(self, share: Share, *, is_zipped: bool) -> _Steps:
        opened = functools.partial(self._opened, share, is_zipped=is_zipped)
        size = self.limits.body if is_zipped else share.size
        try:
            events = yield _Work(size, opened)
        except TooManyError:
            most = f"{self.limits.events:,} events or {self.limits.body:,} bytes"
            cause = f"it has more than {most}; Braze splits it"
            return self._refused(_responses.SEND_FEWER, cause)
        except UnreadableError as error:
            if share.is_cut:
                cause = f"its body is larger than {self.limits.in_flight:,} bytes"
                return self._refused(_responses.SEND_FEWER, cause)
            yield from self._kept(share, str(error), is_zipped=is_zipped)
            cause = f"its body is unreadable, and kept in the dead letter: {error}"
            return self._refused(_responses.UNREADABLE, cause)
        if events:
            yield _Run(events)
        return _responses.SETTLED

    def _kept(self, share: Share, detail: str, *, is_zipped: bool) -> _Steps:
        try:
            yield _Keep((self._record(share, detail, is_zipped=is_zipped),))
        except DeadLetterError as error:
            text = f"An unreadable body could not be kept (503): {error}"
            self._repeats.log(logger, logging.ERROR, text, context={"status": 503})
            raise

    def _opened(self, share: Share, *, is_zipped: bool) -> list[Any]:
        body = share.body()
        if is_zipped:
            body = inflated(body, self.limits.body)
        return events_in(body, self.limits)

    def _record(self, share: Share, detail: str, *, is_zipped: bool) -> DeadRecord:
        at = datetime.fromtimestamp(self._now(), UTC)
        return DeadRecord.of(
            share.body(),
            Reason.UNREADABLE,
            detail,
            at,
            zipped=is_zipped,
            mappers=mappers_of(self.pipeline.transformer, b""),
        )

    def _look_at_version(self, request: Request) -> None:
        versions = request.values("braze-currents-version")
        if not self._is_warned and versions not in ([], [PROTOCOL]):
            self._is_warned = True
            logger.warning(
                "Braze-Currents-Version is not %s: look for a newer braze_heap",
                PROTOCOL,
            )


def _coding(request: Request) -> str:
    """
    Return how the body is coded: ``gzip``, not at all, or something else.
    """
    codings = [
        coding.strip().lower()
        for value in request.values("content-encoding")
        for coding in value.split(",")
    ]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    return "gzip" if codings == ["x-gzip"] else ",".join(codings)


class Receiver(_ReceiverBase[Pipeline]):
    """
    The endpoint that a Currents feed is pointed at, without a framework. Thread-safe.

    A request is held until its events are settled; Braze repeats what is not. Events
    that are repeated count once, by their id.

    Raises:
        ValueError: No token, or one that no header can carry.
        TypeError: A pipeline without a dead letter.
    """

    @takes(_Arguments[Pipeline])
    def __init__(self, options: _Arguments[Pipeline]) -> None:
        pipeline: object = options.pipeline
        if not isinstance(pipeline, Pipeline):
            hint = ""
            if isinstance(pipeline, AsyncPipeline):
                hint = "; for an AsyncPipeline use AsyncReceiver"
            raise TypeError(
                f"Receiver needs a Pipeline first, not {kind_of(pipeline)}{hint}"
            )
        self._configure(options)

    def handle(self, request: Request) -> Response:
        """
        Return the answer to *request*. Raises nothing that is an `Exception`.
        """
        response: Response = drive(self._answered(request), self._perform)
        return response

    def close(self, seconds: float = 30.0) -> bool:
        """
        Take no more requests, wait for those in hand, and tell whether all got settled.

        The sink and the dead letter stay open: they are yours.
        """
        done = self._hand.close(seconds)
        self._flush_log()
        return done

    def _perform(self, step: _Step) -> Any:
        match step:
            case _Read(body, share):
                pieces = (body,) if isinstance(body, bytes) else body
                if isinstance(pieces, AsyncIterable):
                    raise TypeError("an asynchronous body is for AsyncReceiver")
                all(share.takes(piece) for piece in pieces)
            case _Work(_, work):
                return work()
            case _Run(events):
                _require_report(self.pipeline.run(events))
            case _Keep(records):
                append_to(self.pipeline.dead_letter, records)
        return None


class AsyncReceiver(_ReceiverBase[Pipeline | AsyncPipeline]):
    """
    `Receiver` for asyncio: the same, awaited.

    """

    @takes(_Arguments[Pipeline | AsyncPipeline])
    def __init__(self, options: _Arguments[Pipeline | AsyncPipeline]) -> None:
        pipeline: object = options.pipeline
        if not isinstance(pipeline, Pipeline | AsyncPipeline):
            raise TypeError(
                "AsyncReceiver needs an AsyncPipeline or a Pipeline first, "
                f"not {kind_of(pipeline)}"
            )
        self._configure(options)
        self._threads = concurrent.futures.ThreadPoolExecutor(
            self.limits.requests, "braze-heap"
        )

    async def handle(self, request: Request) -> Response:
        """
        Return the answer to *request*; see `Receiver.handle`.
        """
        response: Response = await drive_async(self._answered(request), self._perform)
        return response

    async def close(self, seconds: float = 30.0) -> bool:
        """
        See `Receiver.close`.
        """
        done = await in_thread(self._hand.close, seconds)
        self._flush_log()
        self._threads.shutdown(wait=False)
        return done

    async def _perform(self, step: _Step) -> Any:
        match step:
            case _Read(body, share):
                async with asyncio.timeout(self.limits.body_seconds):
                    async for piece in _awaited(body):
                        if not share.takes(piece):
                            break
            case _Work(size, work):
                return await self._in_thread(work) if size > _LARGE else work()
            case _Run(events) if isinstance(self.pipeline, AsyncPipeline):
                _require_report(await self.pipeline.run(events))
            case _Run(events):
                _require_report(await self._in_thread(self.pipeline.run, events))
            case _Keep(records):
                await self._in_thread(append_to, self.pipeline.dead_letter, records)
        return None

    async def _in_thread(self, work: Callable[..., Any], *args: Any) -> Any:
        return await in_thread(work, *args, threads=self._threads)


def _require_report(done: object) -> None:
    """
    Raise if a pipeline did not run, so that the answer is never 200 then.
    """
    if not isinstance(done, Report):
        raise TypeError(f"the pipeline returned {kind_of(done)}, not a Report")


def require_receiver(adapter: str, receiver: object, kind: type) -> None:
    """
    Raise unless *adapter* can work with *receiver*.

    Args:
        adapter: Its public name.
        receiver: Its argument.
        kind: What it calls: `Receiver`, or `AsyncReceiver`.

    Raises:
        TypeError: It is the other kind, a class, or not a receiver at all.
    """
    handle = getattr(receiver, "handle", None)
    is_one = callable(handle) and not isinstance(receiver, type)
    if is_one and is_async(handle) == issubclass(kind, AsyncReceiver):
        return
    raise TypeError(
        f"{adapter} needs {'an' if kind is AsyncReceiver else 'a'} {kind.__name__}, "
        f"not {kind_of(receiver)}"
    )


async def _awaited(body: Body) -> AsyncIterator[bytes]:
    if isinstance(body, AsyncIterable):
        async for piece in body:
            yield piece
        return
    for piece in (body,) if isinstance(body, bytes) else body:
        yield piece
