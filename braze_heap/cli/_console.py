"""Output, exit statuses and errors that all commands share."""

import contextlib
import importlib
import io
import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal, TextIO, TypeAlias, cast

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

STATUSES: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "done",
        1: "done, and there is something to look at; see the help of the command",
        2: "an option is wrong, a file or package cannot be used, or not confirmed",
        75: "sink, mapper or state is not available: run it again later",
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

PIPED_WIDTH: Final = 200
"""Columns of a table that is piped: each row on one line, for grep."""


def epilog(text: str, one: str = "", zero: str = STATUSES[0]) -> str:
    """
    Return the end of a command's help: examples and exit statuses.

    Args:
        text: Example commands, one a line; then other paragraphs.
        one: Meaning of status 1; empty if the command never has it.
        zero: Meaning of status 0.
    """
    examples, *others = text.strip().split("\n\n")
    lines = "\n".join(f"  {line.strip()}" for line in examples.splitlines())
    meanings = {**STATUSES, 0: zero, 1: one}
    rows = "\n".join(f"  {n:<5}{meant}" for n, meant in meanings.items() if meant)
    parts = [
        f"Examples:\n{lines}",
        *map(textwrap.dedent, others),
        f"Exit status:\n{rows}",
    ]
    return "\n\n".join(f"\b\n{part}" for part in parts)


class UnusableError(click.ClickException):
    """A problem outside of the data, such as a file, a disk or a missing package."""

    exit_code = 2

    def format_message(self) -> str:
        """Return the message without control characters."""
        return safe_lines(self.message)


class UnavailableError(UnusableError):
    """A temporary failure; the same command can succeed later. ``EX_TEMPFAIL``."""

    exit_code = 75


def mapper_unavailable(error: DeliveryError) -> UnavailableError:
    """Return the error to show after a mapper raised *error*."""
    notes = "; ".join(getattr(error, "__notes__", ()))
    text = f"a mapper could not decide {notes}: {type(error).__name__}: {error}"
    return UnavailableError(f"{safe(text, 500)}. Run the command again later.")


def describe_os_error(error: OSError) -> str:
    """Return the text of the operating system, or the class if it is missing."""
    return error.strerror or type(error).__name__


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
                yield Segment(safe_lines(text), segment.style)


def console(
    stream: Stream, piped_width: int = 80, max_width: int | None = None
) -> Console:
    """
    Return a console for *stream*, at most *max_width* wide.

    It has *piped_width* columns if *stream* is not a terminal. Names from outside may
    contain markup, so it has none.
    """
    file = getattr(sys, stream)
    width = None if file.isatty() else piped_width
    out = SafeConsole(
        file=file, width=width, markup=False, emoji=False, highlight=False
    )
    out.width = min(out.width, max_width or out.width)
    return out


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
    text = to_text(view, out, strip=not out.is_terminal)
    write_bytes(text.encode(out.encoding, "replace"), cast("TextIO", out.file))


_ENDLESS: Final = 1 << 14


def to_text(view: RenderableType, out: Console, *, strip: bool = True) -> str:
    """Return *view* as *out* would print it; *strip* removes spaces at line ends."""
    with out.capture() as capture:
        out.print(view, crop=False)  # escaped names may be longer than measured
    text = capture.get()
    return "".join(f"{x.rstrip()}\n" for x in text.splitlines()) if strip else text


def write_bytes(data: bytes, file: TextIO) -> None:
    """Write *data* to the buffer of *file*, after the text that *file* holds."""
    file.flush()
    file.buffer.write(data)
    file.buffer.flush()


def to_json(value: Any) -> str:
    """Return *value* as lines of JSON in ASCII, because names may contain anything."""
    return json.dumps(value, indent=2, default=str) + "\n"


def show_result(
    view: Callable[[], RenderableType],
    value: Callable[[], Any],
    out: Console,
    *,
    as_json: bool,
) -> None:
    """Write the *view* of a result, or with ``--json`` its *value*."""
    if as_json:
        data = to_json(value()).encode("utf-8", "replace")
        write_bytes(data, cast("TextIO", out.file))
    else:
        show(view(), out)


def print_result(
    view: Callable[[], RenderableType],
    value: Callable[[], Any],
    out: Console | None = None,
    *,
    as_json: bool,
) -> None:
    """Write a result to stdout; exit without a message if its pipe is closed."""
    with exit_on_broken_pipe():
        show_result(view, value, out or console("stdout"), as_json=as_json)


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
    except BrokenPipeError:
        redirect_to_devnull(stream)
        sys.exit(SIGPIPE_EXIT)
    except OSError as error:
        if error.filename is not None:
            raise
        redirect_to_devnull(stream)
        flaw = describe_os_error(error)
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


def rows_view(rows: Iterable[Sequence[object]], columns: Sequence[str] = ()) -> Table:
    """
    Return *rows* as a table: integers to the right, with ``,`` between thousands.

    Args:
        rows: Cells are integers, `Text`, or text from anywhere.
        columns: Headings; without them the table has none.
    """
    cells = [*rows]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.show_header = bool(columns)
    width = len(cells[0]) if cells else len(columns)
    for index in range(width):
        is_number = any(type(row[index]) is int for row in cells)
        justify: Literal["left", "right"] = "right" if is_number else "left"
        name = columns[index] if columns else ""
        table.add_column(name, justify=justify, overflow="fold")
    for row in cells:
        table.add_row(*map(_cell, row))
    return table


def _cell(value: object) -> RenderableType:
    if isinstance(value, Text):
        return value
    return f"{value:,}" if type(value) is int else safe(str(value), 500)


def section(
    title: str,
    rows: Iterable[Sequence[object]],
    *,
    columns: Sequence[str] = (),
    top: int | None = None,
    more: str = "",
) -> Iterator[RenderableType]:
    """
    Yield a heading and a table of *rows*; nothing without rows.

    Args:
        title: Heading.
        rows: See `rows_view`.
        columns: See `rows_view`.
        top: Number of rows to show; ``None`` shows all.
        more: Noun for the rest, and a hint after ``|``: ``more type|(--all-types)``.
    """
    cells = [*rows]
    if not cells:
        return
    yield heading(title)
    yield indented(rows_view(cells[:top], columns))
    if top is not None and len(cells) > top:
        noun, _, hint = more.partition("|")
        yield Text(f"  ... and {plural(len(cells) - top, noun)} {hint}".rstrip())


def next_steps(commands: Iterable[tuple[str, str]]) -> Iterator[RenderableType]:
    """Yield a list of commands with their purpose."""
    rows = [(Text(command, "cyan"), what) for command, what in commands]
    yield from section("Next steps", rows)


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


def safe_lines(text: str) -> str:
    """Return *text* from outside, whole, without control characters but newlines."""
    return "\n".join(safe(line, len(line)) for line in text.split("\n"))


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
