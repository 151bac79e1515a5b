"""
State of a Heap sink between batches, and the steps of its sans-I/O delivery protocol.

All durations are seconds.
"""

import functools
import json
import logging
import math
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, Final, NoReturn, TypeAlias

import attrs

from braze_heap._errors import describe_exception, error_context
from braze_heap._log_limits import LogRateLimiter
from braze_heap._sansio import run_steps
from braze_heap._wiring import kind_of
from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap._options import HeapOptions
from braze_heap.heap._pacing import LocalPacer, Pacer, Ticket, require_pacer

logger = logging.getLogger("braze_heap.sinks.heap")

PROOF_LIFE: Final = 300.0
"""Seconds for which an accepted request proves that the configuration is right."""

MAX_ACCEPTED_KEYS: Final = 100_000
"""Keys of accepted events to keep, from batches that failed later on."""


class Secret:
    """A text that is not shown in a repr, logged or pickled."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")

    def reveal(self) -> str:
        """Return the text."""
        return self._text


@attrs.frozen
class Post:
    """
    A request to send. Reply with an `Answer` or a `Failure`.

    The *timeout* is for the whole exchange; *items* are those in the body.
    """

    path: str
    body: bytes = attrs.field(repr=False)
    items: int
    timeout: float
    authorization: Secret | None = None


@attrs.frozen
class Sleep:
    """Seconds to sleep. The reply is ignored."""

    seconds: float


@attrs.frozen
class PacerCall:
    """A call of a pacer, which may block. Reply with its result."""

    method: Callable[[], Any]


Step: TypeAlias = Post | Sleep | PacerCall
Steps: TypeAlias = Generator[Step, Any, Any]


class HeapCore:
    """State of a Heap sink between batches. Thread-safe."""

    def __init__(self, settings: HeapOptions, host: str = "Heap") -> None:
        self.settings = settings
        self.host = host
        self.pacer = _pacer_of(settings)
        self._is_local = type(self.pacer) is LocalPacer
        self.repeats = LogRateLimiter(settings.clock)
        self.app_id = json.dumps(settings.app_id).encode()
        self.max_bytes = settings.max_bytes
        self.token: tuple[Secret, float] | None = None
        self._accepted_at = -math.inf
        self._lock = threading.Lock()
        self._accepted_keys: dict[str, None] = {}

    def mark_accepted(self, keys: Iterable[str]) -> None:
        """Store *keys* of accepted events, to skip if their batch is sent again."""
        with self._lock:
            self._accepted_keys.update(dict.fromkeys(keys))
            for key in list(self._accepted_keys)[:-MAX_ACCEPTED_KEYS]:
                del self._accepted_keys[key]

    def unmark_accepted(self, keys: Iterable[str]) -> None:
        """Delete *keys*, because their batch is complete."""
        with self._lock:
            for key in keys if self._accepted_keys else ():
                self._accepted_keys.pop(key, None)

    def is_marked_accepted(self, key: str | None) -> bool:
        """Return whether Heap accepted *key* from a batch that failed later on."""
        return key in self._accepted_keys

    def note_acceptance(self) -> None:
        """Store the time as that of the last accepted request."""
        self._accepted_at = self.settings.clock()

    def accepted_lately(self) -> bool:
        """Return whether Heap accepted a request in the last five minutes."""
        return self.settings.clock() - self._accepted_at <= PROOF_LIFE

    def call_pacer(self, name: str, *args: Any) -> Steps:
        """
        Call the method *name* of the pacer, and return its result.

        A pacer of the user may block, and its exceptions become `SinkUnavailable`.
        """
        method = functools.partial(getattr(self.pacer, name), *args)
        if self._is_local:
            return method()
        kind = kind_of(self.pacer)
        try:
            result = yield PacerCall(method)
            is_valid = _is_result(name, args, result)
        except Exception as error:
            raise SinkUnavailable(
                f"the pacer, {kind}, raises {describe_exception(error)} in {name}: "
                "check the store that it shares",
                context=error_context(error),
            ) from error
        if not is_valid:
            shown = result if isinstance(result, int | float) else kind_of(result)
            raise SinkUnavailable(
                f"the pacer, {kind}, returns {shown} from {name}, which violates the "
                "protocol: test it with braze_heap.testing.check_pacer",
                misconfigured=True,
            )
        return result

    def pacer_now(self) -> float:
        """Return UTC epoch seconds for a pacer of the user, else monotonic seconds."""
        return self.settings.clock() if self._is_local else self.settings.now()

    def release(self, ticket: Ticket, *, is_counted: bool) -> Steps:
        """Commit *ticket* if Heap counts the request, else refund it."""
        try:
            if is_counted:
                yield from self.call_pacer("commit", ticket, self.pacer_now())
            else:
                yield from self.call_pacer("refund", ticket)
        except SinkUnavailable as error:  # Heap has decided: the batch must not fail
            self.repeats.log(
                logger, logging.WARNING, error.detail, context=error.context
            )

    def commit_canceled(self, ticket: Ticket) -> None:
        """Commit *ticket* of a canceled batch, whose steps do not run any more."""
        if self._is_local:
            self.pacer.commit(ticket, self.pacer_now())
            return
        steps = self.release(ticket, is_counted=True)
        perform = lambda step: step.method()  # noqa: E731
        threading.Thread(target=run_steps, args=(steps, perform)).start()


def _is_result(name: str, args: tuple[Any, ...], result: object) -> bool:
    if name == "room":
        return isinstance(result, Mapping) and all(
            type(result.get(identity)) is int for identity in args[0]
        )
    if name in ("commit", "refund"):
        return True
    if isinstance(result, int | float) and not isinstance(result, bool):
        is_endless = name == "reserve" and result == 0  # it would be tried again
        return 0 <= result < math.inf and not is_endless
    return name == "reserve" and isinstance(result, Ticket)


def _pacer_of(settings: HeapOptions) -> Pacer:
    names = ("events_a_minute", "identity_events_a_minute")
    rates = {name: getattr(settings, name) for name in names}
    given = {name: rate for name, rate in rates.items() if rate is not None}
    if settings.pacer is None:
        return LocalPacer(**given)
    if given:
        raise ValueError(
            f"a pacer has limits of its own: remove {' and '.join(given)}, or set them "
            "in the pacer"
        )
    require_pacer(settings.pacer)
    return settings.pacer
