"""Request handling, for threads (`Receiver`) and for asyncio (`AsyncReceiver`)."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import inspect
import logging
import time
from collections.abc import AsyncIterable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

import attrs

from braze_heap._batch_result import mappers_of
from braze_heap._errors import describe_exception, error_context
from braze_heap._json import SentEvents, UncheckedEvents
from braze_heap._log_limits import LogRateLimiter
from braze_heap._options import doc, option, takes
from braze_heap._sansio import in_thread, run_now
from braze_heap._wiring import OfOneProcess, is_async, kind_of, warn
from braze_heap.exceptions import DeadLetterError, DeliveryError, retry_after_of
from braze_heap.pipeline import AsyncPipeline, Pipeline
from braze_heap.reasons import Reason
from braze_heap.receiver import _http
from braze_heap.receiver._admission import (
    Admission,
    CapacityError,
    Limits,
    RequestBuffer,
)
from braze_heap.receiver._auth import Authenticator, as_authenticator
from braze_heap.receiver._envelope import BatchTooLargeError, decode_batch
from braze_heap.receiver._http import Body, IncompleteBodyError, Request, Response
from braze_heap.report import Report
from braze_heap.state import DeadRecord
from braze_heap.state._protocol import call_plain
from braze_heap.transformer import Transformer
from braze_heap.wire import UnreadableError

logger = logging.getLogger("braze_heap.receiver")

PROTOCOL: Final = "1"
"""Supported ``Braze-Currents-Version`` of Braze's custom HTTP connector."""

AnyPipeline = TypeVar("AnyPipeline", bound=Pipeline | AsyncPipeline)


@attrs.frozen(kw_only=True)
class _ReceiverArguments(Generic[AnyPipeline]):
    pipeline: AnyPipeline = attrs.field(
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
            "See `Tokens.from_env`. `UNAUTHENTICATED` disables authentication."
        ),
    )
    limits: Limits = option(Limits(), "Bounds of bodies and batches.")
    now: Callable[[], float] = option(time.time, "UTC epoch seconds, for dead letters.")
    clock: Callable[[], float] = option(
        time.monotonic,
        "Monotonic seconds, for the log: a cause that repeats is logged once a minute.",
    )


class _ReceiverBase(OfOneProcess, Generic[AnyPipeline]):
    """Handling of a request, which suspends only in an `AsyncReceiver`."""

    def _configure(
        self, options: _ReceiverArguments[AnyPipeline], needed: str, *kinds: type
    ) -> None:
        pipeline: object = options.pipeline
        if not isinstance(pipeline, kinds):
            user = type(self).__name__
            raise TypeError(f"{user} needs {needed}, not {kind_of(pipeline)}")
        if options.pipeline._patience:
            warn(
                "the pipeline of a receiver has a patience, for which it holds the "
                "request: leave it out, because Braze sends undelivered batches again"
            )
        if not isinstance(options.limits, Limits):
            given = kind_of(options.limits)
            raise TypeError(f"limits must be Limits(...), not {given}")
        self.pipeline: AnyPipeline = options.pipeline
        self.limits: Limits = options.limits
        self._authenticator = as_authenticator(options.tokens)
        self._now = options.now
        self._log_limiter = LogRateLimiter(options.clock)
        self._admission = Admission(options.limits)
        self._is_warned = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.pipeline!r}, {self._authenticator!r}>"

    @property
    def is_open(self) -> bool:
        """Whether the receiver accepts requests; false once it is closed."""
        return self._admission.is_open

    @property
    def in_flight(self) -> tuple[int, int]:
        """Number of batches and of body bytes in flight."""
        return self._admission.in_flight

    def _flush_log(self) -> None:
        for limiter in (self._log_limiter, self.pipeline._log_limiter):
            limiter.flush(at_end=True)

    async def _respond(self, request: Request) -> Response:
        try:
            return await self._admit(request)
        except DeadLetterError:  # logged by the pipeline, or by `_save_body`
            return _http.retry_later(30.0)
        except DeliveryError as error:  # logged by the pipeline
            is_throttled = getattr(error, "throttled", False) is True
            after = retry_after_of(error)
            return _http.retry_later(after, is_throttled=is_throttled)
        except CapacityError as error:
            return self._reject(_http.retry_later(), f"{error}; Braze resends it")
        except IncompleteBodyError:
            cause = (
                "the sender disconnected before the body was complete. If this "
                "repeats, raise the time-outs of the proxy"
            )
            return self._reject(_http.retry_later(), cause)
        except TimeoutError:
            cause = (
                f"the body did not arrive within {self.limits.body_seconds:g} s. If "
                "this repeats, let the proxy buffer requests"
            )
            return self._reject(_http.retry_later(), cause)
        except Exception as error:
            text = f"Request failed (503): {describe_exception(error)}"
            context = {**error_context(error), "status": 503}
            self._log_limiter.log(logger, logging.ERROR, text, context=context)
            return _http.retry_later()

    def _reject(self, response: Response, cause: str) -> Response:
        """Log *cause* as a warning, and return *response*."""
        status = response.status
        self._log_problem(status, f"Request rejected ({status}): {cause}")
        return response

    def _log_problem(self, status: int, text: str, cause: str | None = None) -> None:
        """Log *text* as a warning, the same *cause* at most once a minute."""
        context = {"status": status}
        self._log_limiter.log(logger, logging.WARNING, text, context, cause)

    async def _admit(self, request: Request) -> Response:
        if request.method != "POST":  # RFC 9110: methods are case-sensitive
            return self._reject(
                _http.METHOD_NOT_ALLOWED,
                "the method is not POST. Braze only posts, so another client sent it",
            )
        authorizations = request.values("authorization")
        is_authorized = self._authenticator.is_authorized(authorizations)
        if inspect.isawaitable(is_authorized):
            raise TypeError("is_authorized is called without await, but is async")
        if not is_authorized:
            flaw = "wrong bearer token" if authorizations else "no Authorization header"
            advice = (
                "if Braze sent it, use the token of the feed here and in Braze, and "
                "resume the feed there: 401 stops it"
            )
            return self._reject(_http.UNAUTHORIZED, f"{flaw}; {advice}")
        encoding = _content_encoding(request)
        if encoding not in ("", "gzip"):
            cause = "the Content-Encoding is not gzip. Look for a proxy that changes it"
            return self._reject(_http.UNSUPPORTED_ENCODING, cause)
        self._warn_on_version(request)
        with self._admission.buffer() as buffer:
            await self._read_body(request.body, buffer)
            if buffer.is_truncated:
                cause = f"body is larger than {self.limits.in_flight:,} bytes"
                return self._reject(_http.TOO_LARGE, cause)
            with self._admission.slot():
                is_zipped = encoding == "gzip"
                return await self._decode_and_run(buffer, is_zipped=is_zipped)

    async def _decode_and_run(
        self, buffer: RequestBuffer, *, is_zipped: bool
    ) -> Response:
        decode = functools.partial(self._decode_body, buffer, is_zipped=is_zipped)
        # a thread keeps the event loop responsive
        is_large = (self.limits.body if is_zipped else buffer.size) > 1 << 18
        try:
            events = await self._call_blocking(decode) if is_large else decode()
            if events and isinstance(events, UncheckedEvents):
                # Its check is part of the mapping, and can find it unreadable.
                await self._run(events)
                return _http.ACCEPTED
        except BatchTooLargeError:
            most = f"{self.limits.events:,} events or {self.limits.body:,} bytes"
            cause = f"more than {most}; Braze splits the batch"
            return self._reject(_http.TOO_LARGE, cause)
        except UnreadableError as error:
            await self._save_body(buffer, str(error), is_zipped=is_zipped)
            cause = (
                f"the body is unreadable: {error}. It is in the dead letter, with the "
                "reason unreadable"
            )
            return self._reject(_http.UNREADABLE, cause)
        if events:
            await self._run(events)
        return _http.ACCEPTED

    async def _run(self, events: list[Any]) -> None:
        sent = events if isinstance(events, SentEvents) else SentEvents(events)
        if isinstance(self.pipeline, AsyncPipeline):
            report: object = await self.pipeline.run(sent)
        else:
            report = await self._call_blocking(self.pipeline.run, sent)
        if not isinstance(report, Report):  # it did not run, so this is not a 200
            raise TypeError(f"the pipeline returned {kind_of(report)}, not a Report")

    async def _save_body(
        self, buffer: RequestBuffer, detail: str, *, is_zipped: bool
    ) -> None:
        record = DeadRecord.of(
            buffer.body(),
            Reason.UNREADABLE,
            detail,
            datetime.fromtimestamp(self._now(), UTC),
            zipped=is_zipped,
            mappers=mappers_of(self.pipeline.transformer, b""),
            destination=self.pipeline.destination,
        )
        try:
            keep = self.pipeline.dead_letter.append
            await self._call_blocking(call_plain, keep, (record,))
        except DeadLetterError as error:
            text = f"Cannot store an unreadable body in the dead letter (503): {error}"
            context = {"status": 503}
            self._log_limiter.log(logger, logging.ERROR, text, context=context)
            raise

    def _decode_body(self, buffer: RequestBuffer, *, is_zipped: bool) -> list[Any]:
        transform = getattr(self.pipeline.transformer.transform, "__func__", None)
        return decode_batch(
            buffer.body(),
            self.limits,
            is_zipped=is_zipped,
            is_exact=transform is not Transformer.transform,
        )

    async def _read_body(self, body: Body, buffer: RequestBuffer) -> None:
        if isinstance(body, AsyncIterable):
            async for piece in body:
                if not buffer.append(piece):
                    break
        else:
            all(map(buffer.append, (body,) if isinstance(body, bytes) else body))

    async def _call_blocking(self, work: Callable[..., Any], *args: Any) -> Any:
        return work(*args)

    def _warn_on_version(self, request: Request) -> None:
        versions = request.values("braze-currents-version")
        if not self._is_warned and versions not in ([], [PROTOCOL]):
            self._is_warned = True
            text = "Braze-Currents-Version is not %s: look for a newer braze_heap"
            logger.warning(text, PROTOCOL)


def _content_encoding(request: Request) -> str:
    """Return the content encoding, such as ``gzip``; empty for plain bodies."""
    given = ",".join(request.values("content-encoding")).lower().split(",")
    encodings = [each for each in map(str.strip, given) if each not in ("", "identity")]
    return "gzip" if encodings == ["x-gzip"] else ",".join(encodings)


class Receiver(_ReceiverBase[Pipeline]):
    """
    Endpoint of a Currents feed, without a framework. Thread-safe.

    The response is sent after the events are delivered, skipped or stored in the dead
    letter. Braze resends all others; Heap counts a resent event once, by its id.

    Raises:
        ValueError: A token is missing, or not valid in a header.
        TypeError: *pipeline* is not a `Pipeline`.
    """

    @takes(_ReceiverArguments[Pipeline])
    def __init__(self, options: _ReceiverArguments[Pipeline]) -> None:
        needed = "a Pipeline first (for an AsyncPipeline use AsyncReceiver)"
        self._configure(options, needed, Pipeline)

    def handle(self, request: Request) -> Response:
        """Return the response to *request*. Does not raise an `Exception`."""
        return run_now(self._respond(request))

    def close(self, seconds: float = 30.0) -> bool:
        """
        Reject new requests, and return whether those in flight end within *seconds*.

        The sink and the dead letter stay open: close them afterwards.
        """
        done = self._admission.close(seconds)
        self._flush_log()
        return done

    async def _read_body(self, body: Body, buffer: RequestBuffer) -> None:
        if isinstance(body, AsyncIterable):
            raise TypeError("an asynchronous body needs AsyncReceiver")
        await super()._read_body(body, buffer)


class AsyncReceiver(_ReceiverBase[Pipeline | AsyncPipeline]):
    """`Receiver` for asyncio."""

    @takes(_ReceiverArguments[Pipeline | AsyncPipeline])
    def __init__(self, options: _ReceiverArguments[Pipeline | AsyncPipeline]) -> None:
        needed = "an AsyncPipeline or a Pipeline first"
        self._configure(options, needed, AsyncPipeline, Pipeline)
        self._threads = concurrent.futures.ThreadPoolExecutor(
            self.limits.requests, "braze-heap"
        )

    async def handle(self, request: Request) -> Response:
        """Return the response to *request*; see `Receiver.handle`."""
        return await self._respond(request)

    async def close(self, seconds: float = 30.0) -> bool:
        """See `Receiver.close`."""
        done = await in_thread(self._admission.close, seconds)
        self._flush_log()
        self._threads.shutdown(wait=False)
        return done

    async def _read_body(self, body: Body, buffer: RequestBuffer) -> None:
        async with asyncio.timeout(self.limits.body_seconds):
            await super()._read_body(body, buffer)

    async def _call_blocking(self, work: Callable[..., Any], *args: Any) -> Any:
        return await in_thread(work, *args, threads=self._threads)


def require_receiver(adapter: str, receiver: object, kind: type) -> None:
    """Raise `TypeError` unless *receiver* is of the *kind* that *adapter* calls."""
    handle = getattr(receiver, "handle", None)
    is_receiver = callable(handle) and not isinstance(receiver, type)
    if is_receiver and is_async(handle) == issubclass(kind, AsyncReceiver):
        return
    raise TypeError(
        f"{adapter} needs {'an' if kind is AsyncReceiver else 'a'} {kind.__name__}, "
        f"not {kind_of(receiver)}"
    )
