"""Ctrl-C, SIGTERM and SIGHUP: each ends a run with a report and its own status."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final

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


def name_of(number: int) -> str:
    """Return ``Ctrl-C``, ``SIGTERM`` or ``SIGHUP``."""
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


def noted(note: Callable[[int], object]) -> contextlib.AbstractContextManager[None]:
    """Call *note* with the number of the first signal; a second one has its effect."""

    def noting(usual: Any) -> Any:
        def note_once(number: int, _: FrameType | None) -> None:
            signal.signal(number, usual)
            note(number)

        return note_once if callable(usual) else None

    return handled(noting)


@contextlib.contextmanager
def defer_sigint() -> Iterator[None]:
    """
    Delay the first interruption until the end of the block; a second one breaks it.
    """
    held: list[int] = []
    with noted(held.append):
        yield
    for number in held:
        signal.raise_signal(number)
