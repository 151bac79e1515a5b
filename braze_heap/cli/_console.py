"""Output, exit statuses, errors and signals that all commands share."""

import contextlib
import errno
import importlib
import inspect
import io
import os
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from types import FrameType, MappingProxyType
from typing import Any, Final, Literal, TextIO, TypeAlias, cast

import click
from rich.console import Console, RenderableType
from rich.segment import Segments

from braze_heap.exceptions import DeliveryError

Stream: TypeAlias = Literal["stdout", "stderr"]

UNAVAILABLE: Final = 75
"""Exit status if the same command can succeed later: ``EX_TEMPFAIL``."""

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C: 128 + SIGINT."""

SIGPIPE_EXIT: Final = 141
"""Exit status after the reader of the output closed the pipe: 128 + SIGPIPE."""

STATUSES: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "done",
        1: "done, and there is something to look at; see the help of the command",
        2: "wrong option, unusable file or package, or the action was not confirmed",
        UNAVAILABLE: "sink, mapper or state is not available: run it again later",
        129: "stopped by SIGHUP",
        INTERRUPTED: "stopped by Ctrl-C",
        SIGPIPE_EXIT: "the reader of the output closed the pipe",
        143: "stopped by SIGTERM",
    }
)
"""Meaning of each exit status. Commands have own words for 0 and 1 only."""

PIPE_CLOSED: Final = "The reader of the output closed the pipe."

PERMISSIONS: Final = "Check the permissions of the file and of the folders above it."
"""Advice about a path that cannot be used."""


SIGNALS: Final = (129, INTERRUPTED, 143)
"""Statuses of a command that runs for a while, and that a signal stops."""


def epilog(
    text: str, one: str = "", zero: str = STATUSES[0], without: Collection[int] = ()
) -> str:
    """
    Return the end of a command's help: examples and exit statuses.

    Args:
        text: Example commands, one a line; then other paragraphs.
        one: Meaning of status 1; empty if the command never has it.
        zero: Meaning of status 0.
        without: Statuses that the command never has.
    """
    examples, *others = text.strip().split("\n\n")
    lines = "\n".join(f"  {line.strip()}" for line in examples.splitlines())
    meanings = {**STATUSES, 0: zero, 1: one, **dict.fromkeys(without, "")}
    rows = "\n".join(f"  {n:<5}{meant}" for n, meant in meanings.items() if meant)
    parts = [
        f"Examples:\n{lines}",
        *map(textwrap.dedent, others),
        f"Exit status:\n{rows}",
    ]
    return "\n\n".join(f"\b\n{part}" for part in parts)


def command(
    one: str = "",
    zero: str = STATUSES[0],
    more: str = "",
    without: Collection[int] = (UNAVAILABLE,),
) -> Callable[[Any], click.Command]:
    """
    Return a decorator for a command, whose docstring is its help, with examples.

    *one*, *zero* and *without* are those of `epilog`; *more* comes after the examples.
    """

    def add(run: Any) -> click.Command:
        text, _, examples = (inspect.getdoc(run) or "").partition("\n\nExamples::\n\n")
        end = epilog(f"{examples}\n\n{more}", one, zero, without)
        return click.command(help=text, epilog=end)(run)

    return add


class UnusableError(click.ClickException):
    """A problem outside of the data, such as a file, a disk or a missing package."""

    exit_code = 2

    def format_message(self) -> str:
        """Return the message without control characters."""
        return safe_lines(self.message)


class UnavailableError(UnusableError):
    """A temporary failure; the same command can succeed later."""

    exit_code = UNAVAILABLE


def mapper_unavailable(error: DeliveryError) -> UnavailableError:
    """Return the error to show after a mapper raised *error*."""
    notes = "; ".join(getattr(error, "__notes__", ()))
    text = f"a mapper could not decide {notes}: {type(error).__name__}: {error}"
    return UnavailableError(f"{safe(text, 500)}. Run the command again later.")


def describe_os_error(error: OSError) -> str:
    """Return the text of the operating system, or the class if it is missing."""
    return error.strerror or type(error).__name__


def advice_about(error: OSError) -> str:
    """Return advice about a path that cannot be used; empty if the error says all."""
    return PERMISSIONS if isinstance(error, PermissionError) else ""


def cannot_write(name: object, error: OSError) -> UnusableError:
    """Return the error to show after *error* at the output *name*."""
    return UnusableError(f"cannot write {name}: {describe_os_error(error)}")


def sentence(error: Exception) -> str:
    """Return the text of *error* with its final period, or question mark."""
    return str(error) if str(error).endswith(("?", ".")) else f"{error}."


def show_warning(message: object) -> None:
    """Write the text of a warning to stderr."""
    click.echo(f"Warning: {safe(str(message), 1_000)}", err=True)


def require_extra(doing: str, extra: str, *packages: str) -> None:
    """Raise an `UnusableError` if one of the *packages* of an *extra* is missing."""
    try:
        for name in packages:
            importlib.import_module(name)
    except ModuleNotFoundError:
        advice = f"pip install 'braze_heap[{extra}]'"
        raise UnusableError(f"{doing} needs an extra: {advice}") from None


def confirm(question: str, done: str, *, is_agreed: bool) -> None:
    """
    Ask a yes-or-no *question*, unless it *is_agreed*; *done* is such as ``sent``.

    Raises:
        UnusableError: The user declined, or stdin is not a terminal.
    """
    if is_agreed:
        return
    if not sys.stdin.isatty():
        raise UnusableError(
            f"stdin is not a terminal, so nothing was {done}. Pass --yes to skip the "
            "confirmation."
        )
    if not click.confirm(question, err=True):
        raise UnusableError(f"not confirmed, and nothing was {done}")


def console(stream: Stream | TextIO) -> Console:
    """
    Return a console for *stream*. In a pipe no line is wrapped, for grep.

    Names from outside may contain markup, so it has none.
    """
    file = getattr(sys, stream) if isinstance(stream, str) else stream
    width = None if file.isatty() else _ENDLESS
    return Console(file=file, width=width, markup=False, emoji=False, highlight=False)


_ENDLESS: Final = 1 << 14


def show(view: RenderableType, out: Console) -> None:
    """Write *view*; see `write`."""
    write(to_text(view, out), out)


def to_text(view: RenderableType, out: Console) -> str:
    """
    Return *view* as *out* prints it. Names from outside cannot steer the terminal.
    """
    segments = [
        segment if segment.control else segment._replace(text=safe_lines(segment.text))
        for segment in out.render(view)
    ]
    with out.capture() as capture:
        out.print(Segments(segments), crop=False)  # escapes are longer than measured
    text = capture.get()
    if out.is_terminal:
        return text
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def write(text: str, out: Console) -> None:
    """
    Write *text* in the encoding of *out*, with ``?`` for what it cannot encode.

    Raises:
        BrokenPipeError: The reader closed the pipe.
    """
    file = cast("TextIO", out.file)
    file.flush()
    file.buffer.write(text.encode(out.encoding, "replace"))
    file.buffer.flush()


@contextlib.contextmanager
def exit_on_broken_pipe(stream: Stream = "stdout") -> Iterator[None]:
    """
    Flush *stream* at the end; exit without a message if the pipe is closed.

    Raises:
        SystemExit: The reader closed the pipe.
        UnusableError: The stream cannot be written.
    """
    try:
        yield
        getattr(sys, stream).flush()
    except OSError as error:
        if error.filename is not None:
            raise
        raise unwritten(stream, error) from None


def unwritten(stream: Stream, error: OSError) -> SystemExit | UnusableError:
    """Return what ends a command after *error* of *stream*, which is not used again."""
    redirect_to_devnull(stream)
    if isinstance(error, BrokenPipeError):
        return SystemExit(SIGPIPE_EXIT)
    return cannot_write(stream, error)


class _RecordedStream(io.RawIOBase):
    """
    The raw part of a text stream, which remembers its first error.

    If it *is_lossy*, what cannot be written is lost: a full disk of the log stops no
    delivery.
    """

    error: OSError | None = None

    def __init__(self, stream: Any, *, is_lossy: bool) -> None:
        self._stream = stream  # which would close the raw one when it is collected
        self._raw = getattr(stream.buffer, "raw", stream.buffer)
        self._is_lossy = is_lossy

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return bool(self._raw.isatty())

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def write(self, data: Any, /) -> int:
        try:
            written: int | None = self._raw.write(data)
            if written is None:  # it is not ready, and does not block
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            return written
        except OSError as error:
            self.error = self.error or error
            if not self._is_lossy:
                raise
            return len(data)


def error_of(stream: Stream) -> OSError | None:
    """Return the first error while *stream* was written, raised or not."""
    raw = getattr(getattr(getattr(sys, stream), "buffer", None), "raw", None)
    return raw.error if isinstance(raw, _RecordedStream) else None


def raise_lost(stream: Stream) -> None:
    """Raise the first error while *stream* was written, if it was not raised then."""
    if error := error_of(stream):
        raise error


def replace_closed_streams() -> None:
    """
    Put a stream in place of each one that the caller closed, as ``>&-`` does.

    Python has ``None`` there, and the next file that is opened would take its number.
    Stdin cannot be read, stdout is a pipe without a reader, and stderr is lost.
    """
    if sys.stdin is None:
        unreadable = os.open(os.devnull, os.O_WRONLY)
        sys.stdin = open(unreadable, encoding="utf-8")  # noqa: SIM115 (stays open)
    if sys.stdout is None:
        reader, writer = os.pipe()
        os.close(reader)
        sys.stdout = open(os.dup(writer), "w", encoding="utf-8")  # noqa: SIM115
        os.close(writer)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def record_errors() -> None:
    """
    Let stdout and stderr record their errors. Those of stderr are not raised.

    Both get a buffer, also under ``PYTHONUNBUFFERED``, which many containers set.
    Without a buffer, Python loses the rest of a write that a signal or a full disk
    interrupts.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        recorded = _RecordedStream(stream, is_lossy=name == "stderr")
        wrapped = io.TextIOWrapper(
            io.BufferedWriter(recorded),
            stream.encoding,
            stream.errors,
            line_buffering=stream.line_buffering or stream.write_through,
        )
        setattr(sys, name, wrapped)


def redirect_to_devnull(stream: Stream) -> None:
    """Redirect *stream* to /dev/null, because Python flushes it again at exit."""
    with contextlib.suppress(OSError, ValueError):
        number = getattr(sys, stream).fileno()
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def plural(number: int, noun: str) -> str:
    """Return ``1 event``, ``1,000 events``, ``2 updates of user properties``."""
    if number == 1:
        return f"1 {noun}"
    first, separator, rest = noun.partition(" of ")
    return f"{number:,} {first}s{separator}{rest}"


def safe(text: str, limit: int = 64) -> str:
    """Return *text* from outside without control characters, truncated to *limit*."""
    text = text if len(text) <= limit else text[: limit - 3] + "..."
    if text.isprintable():  # no control, format, surrogate, private or separator
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


def safe_lines(text: str) -> str:
    """Return *text* from outside, whole, without control characters but newlines."""
    return "\n".join(safe(line, len(line)) for line in text.split("\n"))


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
