"""Output for people: aligned, safe for terminals, plain text in a pipe."""

import contextlib
import io
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Final, Literal, TextIO, TypeAlias, cast

import click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from braze_heap.exceptions import DeliveryError

Stream: TypeAlias = Literal["stdout", "stderr"]

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C: 128 + SIGINT."""

SIGPIPE_EXIT: Final = 141
"""Exit status after the reader of the output closed the pipe: 128 + SIGPIPE."""

PIPE_CLOSED: Final = "The reader of the output closed the pipe."


class UnusableError(click.ClickException):
    """A problem outside of the data, such as a file, a disk or a missing package."""

    exit_code = 2

    def format_message(self) -> str:
        """Return the message without control characters."""
        return "\n".join(safe(line, len(line)) for line in self.message.split("\n"))


class UnavailableError(UnusableError):
    """A temporary failure; the same command can succeed later. ``EX_TEMPFAIL``."""

    exit_code = 75


def mapper_unavailable(error: DeliveryError) -> UnavailableError:
    """Return the error to show after a mapper raised *error*."""
    notes = "; ".join(getattr(error, "__notes__", ()))
    text = f"a mapper could not decide {notes}: {type(error).__name__}: {error}"
    return UnavailableError(f"{safe(text, 500)}. Run the command again later.")


class SafeConsole(Console):
    """A console on which names from outside cannot steer the terminal."""

    _is_rendering = False

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the segments of *renderable*, their texts escaped."""
        if self._is_rendering:  # a part, which has to keep its width
            yield from super().render(renderable, options)
            return
        self._is_rendering = True
        try:
            segments = [*super().render(renderable, options)]
        finally:
            self._is_rendering = False
        for segment in segments:
            text = segment.text
            if segment.control or text.isprintable() or text == "\n":
                yield segment
            else:
                lines = (safe(line, len(line)) for line in text.split("\n"))
                yield Segment("\n".join(lines), segment.style)


def console(stream: Stream, piped_width: int = 80) -> Console:
    """
    Return a console without markup, because names from outside may contain it.

    Args:
        stream: Stream to write to.
        piped_width: Columns if *stream* is not a terminal.
    """
    file = getattr(sys, stream)
    width = None if file.isatty() else piped_width
    return SafeConsole(
        file=file, width=width, markup=False, emoji=False, highlight=False
    )


def show(view: RenderableType, out: Console) -> None:
    """
    Write *view* in the encoding of *out*, with ``?`` for what it cannot encode. In a
    pipe no word is broken, so that paths can be copied.

    Raises:
        BrokenPipeError: The reader closed the pipe.
    """
    if not out.is_terminal:
        endless = out.options.update(width=_ENDLESS)
        out.width = max(out.width, out.measure(view, options=endless).minimum)
    with out.capture() as capture:
        out.print(view, crop=False)  # escaped names may be longer than measured
    text = capture.get()
    if not out.is_terminal:
        text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    out.file.flush()
    stream = cast("TextIO", out.file).buffer
    stream.write(text.encode(out.encoding, "replace"))
    stream.flush()


_ENDLESS: Final = 1 << 14


@contextlib.contextmanager
def exit_on_broken_pipe(stream: Stream) -> Iterator[None]:
    """
    Flush *stream* at the end; exit without a message if the pipe is closed.

    Raises:
        SystemExit: The reader closed the pipe.
        UnusableError: The stream cannot be written.
    """
    try:
        yield
        getattr(sys, stream).flush()
    except BrokenPipeError:
        redirect_to_devnull(stream)
        sys.exit(SIGPIPE_EXIT)
    except OSError as error:
        if error.filename is not None:
            raise
        redirect_to_devnull(stream)
        flaw = error.strerror or type(error).__name__
        raise UnusableError(f"cannot write {stream}: {flaw}") from None


def buffer_stdout() -> None:
    """
    Give stdout a buffer, also under ``PYTHONUNBUFFERED``.

    Many containers set that. Without a buffer, Python loses the rest of a write that a
    signal or a full disk interrupts.
    """
    out = sys.stdout
    if isinstance(getattr(out, "buffer", None), io.RawIOBase):
        sys.stdout = open(  # noqa: SIM115 (as long as the process lives)
            out.fileno(), "w", 1, out.encoding, out.errors, closefd=False
        )


def redirect_to_devnull(stream: Stream) -> None:
    """Redirect *stream* to /dev/null, because Python flushes it again at exit."""
    with contextlib.suppress(OSError, ValueError):
        number = getattr(sys, stream).fileno()
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def grid(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """
    Return a table without lines, the columns *right* aligned to the right.

    A column whose name begins with ``_`` has no heading.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(
            "" if name.startswith("_") else name,
            justify="right" if name in right else "left",
            overflow="fold",
        )
    table.show_header = not all(name.startswith("_") for name in columns)
    return table


def indented(view: RenderableType, columns: int = 2) -> Padding:
    """Return *view*, moved to the right."""
    return Padding(view, (0, 0, 0, columns))


def heading(text: str) -> Text:
    """Return the heading of a section, an empty line before it."""
    return Text.assemble("\n", (text, "bold"))


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
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
