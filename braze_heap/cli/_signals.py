"""Ctrl-C, SIGTERM and SIGHUP: each ends a run with a report and its own status."""

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final

import attrs

STOPS: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Signals other than that of Ctrl-C that end a run; Windows has no SIGHUP."""


class Stopped(KeyboardInterrupt):
    """A signal other than that of Ctrl-C asked the process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def status_of(error: BaseException | None) -> int:
    """Return the exit status after an interruption: 128 + the number of the signal."""
    return 128 + (error.number if isinstance(error, Stopped) else signal.SIGINT)


def name_of(error: KeyboardInterrupt) -> str:
    """Return ``Ctrl-C``, ``SIGTERM`` or ``SIGHUP``."""
    if isinstance(error, Stopped) and error.number != signal.SIGINT:
        return signal.Signals(error.number).name
    return "Ctrl-C"


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(number)


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """
    Let SIGTERM and SIGHUP end the block as Ctrl-C does, so that it can clean up.

    A signal that is ignored, as under ``nohup``, stays ignored.

    Raises:
        Stopped: One of them came.
    """
    with _handled(STOPS, lambda _: _stop, lambda usual: usual is signal.SIG_DFL):
        yield


@attrs.define(eq=False)
class Stopping:
    """
    Ask a run to end between two batches: after a signal, or when its time is over.

    Attributes:
        end: End of its time, in monotonic seconds.
        cause: Cause, for the user; empty while the run may go on.
    """

    end: float = math.inf
    cause: str = ""

    def __call__(self) -> bool:
        """Return whether the run is to end."""
        if not self.cause and time.monotonic() >= self.end:
            self.cause = "--max-time"
        return bool(self.cause)

    def sleep(self, seconds: float) -> None:
        """
        Sleep between two attempts to send a batch.

        Raises:
            KeyboardInterrupt: The run is to end.
        """
        end = time.monotonic() + seconds
        while not self() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))
        if self():
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """End the run between batches after a signal, and at once after another."""

        def noting(usual: Any) -> Any:
            def note(number: int, _: FrameType | None) -> None:
                self.cause = name_of(Stopped(number))
                signal.signal(number, usual)

            return note

        with _handled((signal.SIGINT, *STOPS), noting, callable):
            yield


@contextlib.contextmanager
def defer_sigint() -> Iterator[None]:
    """
    Delay the first interruption until the end of the block; a second one breaks it.
    """
    held: list[Callable[[], Any]] = []

    def holding(usual: Any) -> Any:
        def hold(number: int, frame: FrameType | None) -> None:
            held.append(lambda: usual(number, frame))
            signal.signal(number, usual)

        return hold

    with _handled((signal.SIGINT, *STOPS), holding, callable):
        yield
    for interrupt in held:
        interrupt()


@contextlib.contextmanager
def _handled(
    numbers: tuple[int, ...],
    handler: Callable[[Any], Any],
    is_concerned: Callable[[Any], bool],
) -> Iterator[None]:
    """
    Replace the handlers for which *is_concerned* is true. Only the main thread can.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        usual = {number: signal.getsignal(number) for number in numbers}
        before = {n: h for n, h in usual.items() if is_concerned(h)}
    try:
        for number, each in before.items():
            signal.signal(number, handler(each))
        yield
    finally:
        for number, each in before.items():
            signal.signal(number, each)
