"""What a command reads: files, directories and stdin, and how far it has come."""

import contextlib
import os
import re
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn, Protocol, TypeAlias, cast

import attrs
import click

from braze_heap import read_events
from braze_heap.cli._console import UnusableError, safe
from braze_heap.cli._paths import FilePath
from braze_heap.wire import Read, UnknownFormatError
from braze_heap.wire._source import is_json_lines, read_lines, type_in_path

BATCH: Final = 1_000
"""Events that are sent together, which costs one request each to the sink."""

FEW: Final = 100
"""
Events that are transformed together, as many as Braze sends: they stay in the caches of
a processor, which a thousand do not.
"""

BATCH_BYTES: Final = 8 << 20
"""Bytes from the first to the last event of a batch: some events have 100 kB."""

UNIT: Final = 16 << 20
"""Bytes of a piece of a long file: what a worker reads at a time.

No batch goes over the end of one, whoever reads: what is done to a batch, such as
leaving repeats out, is so the same however many workers there are.
"""

Advance: TypeAlias = Callable[[int], object]
"""Is told of each piece of the input, in bytes as they are stored."""

STDIN: Final = Path("-")

_MAX_NAMED: Final = 5
"""Names of what is not read that a note has."""


class InputPath(FilePath):
    """The path of a file that exists, ``-`` for stdin; a URL is explained."""

    def __init__(self, *, dir_okay: bool = True) -> None:
        super().__init__(exists=True, dir_okay=dir_okay, allow_dash=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        if _URL.match(str(value)) and not Path(value).exists():
            command = (
                "aws s3 cp URL -" if str(value).startswith("s3") else "curl -s URL"
            )
            self.fail(
                f"{safe(str(value), 200)} is a URL, and commands open no URLs. Pipe it "
                f"in: {command} | {ctx.command_path if ctx else 'braze-heap'} -"
            )
        return super().convert(value, param, ctx)


_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


class ReadFailedError(UnusableError):
    """The stream of an input failed: what was read before is sound."""


class WrongFormatError(UnusableError):
    """An input holds no events."""


@attrs.frozen
class Input:
    """
    A file to read, or stdin.

    Attributes:
        name: As reports show it.
        path: Where it is; ``None`` for stdin.
        size: Its bytes; 0 where that cannot be told.
        lines: Of JSON lines, the offsets between which those begin that are read.
        is_found: Whether it was found in a folder, rather than named.
    """

    name: str
    path: Path | None
    size: int = 0
    lines: tuple[int, int] | None = None
    is_found: bool = False

    def read(self, event_type: str | None, advance: Advance) -> Iterator[Read]:
        """
        Read its events in order, and name what cannot be read.

        Raises:
            ReadFailedError: It cannot be opened, or its stream fails.
            WrongFormatError: It is neither JSON nor Avro.
            UnusableError: It needs a missing package, or is a stream that is empty.
        """
        try:
            yield from self._read(event_type, advance)
        except OSError as error:
            raise _failed(self.name, error) from None
        except UnknownFormatError as error:
            raise WrongFormatError(str(error)) from None
        except ModuleNotFoundError as error:
            raise UnusableError(str(error)) from None

    def _read(self, event_type: str | None, advance: Advance) -> Iterator[Read]:
        with contextlib.ExitStack() as files:
            if self.path is None:
                stream = cast("_InputStream", sys.stdin.buffer)
            else:
                event_type = event_type or type_in_path(os.fspath(self.path))
                stream = files.enter_context(self.path.open("rb"))
            metered = _Metered(stream, advance, self.name)
            file = cast("BinaryIO", metered)
            if self.lines:
                yield from read_lines(file, event_type, *self.lines)
            else:
                yield from read_events(file, event_type=event_type)
            if not metered.was_read and not self._is_regular():
                raise UnusableError(f"{self.name} is empty: nothing was read.")

    def _is_regular(self) -> bool:
        return self.path is not None and self.path.is_file()

    def is_empty(self) -> bool:
        """Tell whether it is a file without a byte."""
        return self._is_regular() and not self.size

    def check(self) -> None:
        """
        Check the beginning of a file that is named. A failure of its stream is left to
        `read`, and a pipe, which is read only once.

        Raises:
            WrongFormatError: It is neither JSON nor Avro.
        """
        if self.is_found or not self._is_regular():
            return
        try:
            next(self.read("", lambda _: None), None)
        except WrongFormatError:
            raise
        except UnusableError:
            return

    @property
    def goes_on(self) -> bool:
        """Whether other pieces of the same file come before."""
        return self.lines is not None and self.lines[0] > 0

    def is_open_to_others(self) -> bool:
        """
        Tell whether other processes find it at its path: a file, no pipe into this one.
        """
        own = ("/dev/fd/", "/dev/stdin", "/proc/")
        path = self.path
        return bool(path and path.is_file()) and not str(path).startswith(own)

    def pieces(self, unit: int) -> Iterator["Input"]:
        """
        Split it at lines, into pieces of about *unit* bytes, if it is long JSON lines.

        What cannot be opened or split is one piece.
        """
        if self.size <= unit or not self._is_json_lines():
            yield self
            return
        for start in range(0, self.size, unit):
            size = min(unit, self.size - start)
            end = start + unit if start + unit < self.size else sys.maxsize
            yield attrs.evolve(self, size=size, lines=(start, end))

    def _is_json_lines(self) -> bool:
        try:
            with cast("Path", self.path).open("rb") as file:
                return is_json_lines(file)
        except OSError:
            return False


class _InputStream(Protocol):
    def read1(self, size: int, /) -> bytes: ...

    def read(self, size: int, /) -> bytes | None: ...

    def seek(self, offset: int, /) -> int: ...


@attrs.define
class _Metered:
    """
    A stream that tells how much of it was read, and waits for no more than it needs.

    Attributes:
        was_read: Whether there was a byte.
    """

    stream: _InputStream
    advance: Advance
    name: str
    was_read: bool = False

    def read(self, size: int, /) -> bytes:
        """
        Return up to *size* bytes.

        Raises:
            ReadFailedError: The stream raised, whatever that was.
        """
        try:
            # Empty is the end, or a stream that is not ready: only ``read`` tells.
            data = self.stream.read1(size) or self.stream.read(1)
            if data is None:
                raise BlockingIOError("it is not ready: make it blocking")
        except Exception as error:
            raise _failed(self.name, error) from error
        self.was_read = self.was_read or bool(data)
        self.advance(len(data))
        return data

    def seek(self, offset: int, /) -> int:
        return self.stream.seek(offset)


def _failed(name: str, error: Exception) -> ReadFailedError:
    flaw = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
    return ReadFailedError(f"cannot read {safe(name, 200)}: {safe(flaw, 300)}")


def find_inputs(paths: Sequence[Path], own: Collection[Path] = ()) -> list[Input]:
    """
    Return what *paths* lead to; for a directory that is all files in it.

    They come in the order of their names, hidden ones left out. ``-`` is stdin.

    Args:
        paths: Files, directories and ``-``, as the user named them.
        own: Files that the command itself writes; left out of directories.

    Raises:
        WrongFormatError: A file that is named is neither JSON nor Avro.
        UnusableError: There is nothing to read.
    """
    written = {path.resolve() for path in own}
    inputs = [
        found
        for path in paths
        for found in _inputs_at(path)
        if not (found.is_found and found.path and found.path.resolve() in written)
    ]
    if all(found.is_empty() for found in inputs):
        names = ", ".join(safe(str(path), 200) for path in paths[:TOP_NAMES])
        raise UnusableError(f"There is nothing to read in {names}.")
    for found in inputs:
        found.check()
    return inputs


TOP_NAMES: Final = 10
"""Names of inputs that a message has."""


def read_or_skip(
    source: Input, event_type: str | None, advance: Advance, skipped: list[str]
) -> Iterator[Read]:
    """
    Read the events of *source*; if it holds none and lies in a folder, add why to
    *skipped*.
    """
    try:
        yield from source.read(event_type, advance)
    except WrongFormatError as error:
        if not source.is_found:
            raise
        skipped.append(str(error))


def check_any_read(inputs: Sequence[Input], skipped: Sequence[str]) -> None:
    """
    Check that not all *inputs* were *skipped* as files that hold no events.

    Raises:
        WrongFormatError: They were. It says what the first looks like.
    """
    if skipped and len(skipped) == len(inputs):
        raise WrongFormatError(f"No file holds events. {skipped[0]}")


def _inputs_at(path: Path) -> Iterator[Input]:
    if path == STDIN:
        yield Input("stdin", None, _size_of_stdin())
    elif path.is_dir():
        yield from (
            attrs.evolve(_file(inner), is_found=True) for inner in _files_in(path)
        )
    else:
        yield _file(path)


def _file(path: Path) -> Input:
    return Input(str(path), path, _size(path.stat()))


def _files_in(root: Path) -> list[Path]:
    """
    Return all files below *root* in the order of their names, and name on stderr what
    else there is: hidden names, links to folders, and what is not a file.

    Raises:
        OSError: A folder cannot be read.
    """
    files: list[Path] = []
    ignored: list[str] = []
    for folder, folders, names in os.walk(root, onerror=_raise):
        for path in (Path(folder, name) for name in (*folders, *names)):
            if path.name.startswith("."):
                ignored.append(f"{path} (hidden)")
            elif path.is_dir():
                if path.is_symlink():
                    ignored.append(f"{path} (a link to a folder)")
            elif path.is_file():
                files.append(path)
            else:
                ignored.append(f"{path} (not a file)")
        folders[:] = [name for name in folders if not name.startswith(".")]
    if ignored:
        named = "; ".join(safe(name, 200) for name in sorted(ignored)[:_MAX_NAMED])
        more = f"; and {len(ignored) - _MAX_NAMED:,} more" * (len(ignored) > _MAX_NAMED)
        click.echo(f"Note: not read: {named}{more}", err=True)
    return sorted(files)


def _raise(error: OSError) -> NoReturn:
    raise error


def _size_of_stdin() -> int:
    try:
        return _size(os.fstat(sys.stdin.fileno()))
    except (OSError, ValueError):
        return 0


def _size(status: os.stat_result) -> int:
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def batches(
    reads: Iterable[Read], unit: int = UNIT, number: int = BATCH
) -> Iterator[list[Read]]:
    """
    Split *reads* into batches, bounded in *number* and in bytes, and at each *unit*.

    Where reading ends with an error or Ctrl-C, what was read before comes first.
    """
    batch: list[Read] = []
    try:
        for read in reads:
            if batch and read.offset // unit != batch[0].offset // unit:
                full, batch = batch, []
                yield full
            batch.append(read)
            is_large = read.offset - batch[0].offset > BATCH_BYTES
            if is_large or len(batch) >= number:
                full, batch = batch, []
                yield full
    except (UnusableError, KeyboardInterrupt):
        if batch:
            yield batch
        raise
    if batch:
        yield batch
