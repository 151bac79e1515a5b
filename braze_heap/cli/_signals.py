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
    number = status_of(error) - 128
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(number)


@contextlib.contextmanager
def handled(replacement: Callable[[Any], Any]) -> Iterator[None]:
    """
    Handle the signals that end a run otherwise in the block.

    *replacement* returns the handler to use instead of its argument, or ``None`` to
    keep that. Threads other than the main one cannot handle signals.
    """
    before = dict[int, Any]()
    is_main = threading.current_thread() is threading.main_thread()
    try:
        for number in (signal.SIGINT, *STOPS) if is_main else ():
            usual = signal.getsignal(number)
            if usual is not None and (handler := replacement(usual)):
                before[number] = usual
                signal.signal(number, handler)
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)


def stopped_by_signals() -> contextlib.AbstractContextManager[None]:
    """
    Let SIGTERM and SIGHUP end the block as Ctrl-C does, so that it can clean up.

    They raise `Stopped`. A signal that is ignored, as under ``nohup``, stays ignored.
    """
    return handled(lambda usual: _stop if usual is signal.SIG_DFL else None)


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
        """Sleep between two attempts; raise `KeyboardInterrupt` if the run must end."""
        end = time.monotonic() + seconds
        while not self() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))
        if self():
            raise KeyboardInterrupt

    def on_signals(self) -> contextlib.AbstractContextManager[None]:
        """End the run between batches after a signal, and at once after another."""

        def noting(usual: Any) -> Any:
            def note(number: int, _: FrameType | None) -> None:
                self.cause = name_of(Stopped(number))
                signal.signal(number, usual)

            return note if callable(usual) else None

        return handled(noting)


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

        return hold if callable(usual) else None

    with handled(holding):
        yield
    for interrupt in held:
        interrupt()
