"""Inputs of commands: files, directories and stdin, read in batches."""

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NoReturn, Protocol, TypeAlias, cast

import attrs
import click

from braze_heap import read_events
from braze_heap.cli._console import UnusableError, safe
from braze_heap.cli._options import STDIN, InputPath, event_type_option, group
from braze_heap.wire import Read, UnknownFormatError
from braze_heap.wire._source import is_json_lines, read_lines, type_in_path

BATCH: Final = 1_000
"""Events that are transformed together."""

BATCH_BYTES: Final = 8 << 20
"""Bytes from the first to the last event of a batch: some events have 100 kB."""

UNIT: Final = 16 << 20
"""Bytes of a piece of a long file, which one worker reads.

A batch ends with its piece, so batches, and the repeats found in them, do not depend on
the number of workers.
"""

Advance: TypeAlias = Callable[[int], object]
"""Function that gets the stored bytes of each piece that was read."""

_MAX_NAMED: Final = 5
"""Maximum number of ignored paths in a note."""

_MAX_FAILURES: Final = 10
"""Maximum number of inputs in an error."""


class ReadFailedError(UnusableError):
    """The stream of an input failed. The events before the failure are valid."""


class WrongFormatError(UnusableError):
    """An input does not contain events."""


@attrs.frozen
class Input:
    """
    A file to read, or stdin.

    Attributes:
        name: Name in reports.
        path: Path; ``None`` for stdin.
        size: Bytes; 0 if that is not known.
        lines: Offsets between which the JSON lines begin that are read.
        is_found: Whether it was found in a folder, not named by the user.
    """

    name: str
    path: Path | None
    size: int = 0
    lines: tuple[int, int] | None = None
    is_found: bool = False

    def read(self, event_type: str | None, advance: Advance) -> Iterator[Read]:
        """
        Read its events in order; what cannot be decoded is an `Unreadable`.

        Raises:
            ReadFailedError: It cannot be opened, or its stream fails.
            WrongFormatError: It is neither JSON nor Avro.
            UnusableError: A package is missing, or the stream is empty.
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
        """Return whether it is a file without a byte."""
        return self._is_regular() and not self.size

    def check(self) -> None:
        """
        Check the beginning of a file that the user named.

        Pipes can be read only once and are not checked. `read` reports failing streams.

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
        Return whether other processes can open its path: a file, not a pipe.
        """
        own = ("/dev/fd/", "/dev/stdin", "/proc/")
        path = self.path
        return bool(path and path.is_file()) and not str(path).startswith(own)

    def pieces(self, unit: int) -> Iterator["Input"]:
        """
        Split long JSON lines at line ends, into pieces of about *unit* bytes.

        Any other file is one piece.
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
    A stream that reports the bytes read, and does not wait for more than is needed.

    Attributes:
        was_read: Whether a byte was read.
    """

    stream: _InputStream
    advance: Advance
    name: str
    was_read: bool = False

    def read(self, size: int, /) -> bytes:
        """
        Return up to *size* bytes.

        Raises:
            ReadFailedError: The stream raised any exception.
        """
        try:
            # Empty is the end, or a stream that is not ready: only `read` returns None.
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
    Return the inputs at *paths*; at a directory these are all files below it.

    They come in the order of their names, without hidden ones. ``-`` is stdin.

    Args:
        paths: Files, directories and ``-``; empty for stdin.
        own: Files that the command itself writes; they are not read from directories.

    Raises:
        click.UsageError: *paths* is empty, and stdin is a terminal.
        WrongFormatError: A file that is named is neither JSON nor Avro.
        UnusableError: There is nothing to read.
    """
    if not paths and sys.stdin.isatty():
        raise click.UsageError("Nothing to read. Name a file, or pipe events in.")
    written = {path.resolve() for path in own}
    inputs = [
        found
        for path in paths or (STDIN,)
        for found in _inputs_at(path)
        if not (found.is_found and found.path and found.path.resolve() in written)
    ]
    if all(found.is_empty() for found in inputs):
        names = ", ".join(safe(str(path), 200) for path in paths[:_MAX_FAILURES])
        raise UnusableError(f"There is nothing to read in {names or 'stdin'}.")
    for found in inputs:
        found.check()
    return inputs


@attrs.frozen
class Source:
    """
    Files that a command reads, as the user named them.

    Attributes:
        files: Files, directories and ``-``; empty for stdin.
        event_type: Type of records from storage that do not contain it.
    """

    files: tuple[Path, ...]
    event_type: str | None

    def find(self, own: Collection[Path] = ()) -> list[Input]:
        """Return the inputs; see `find_inputs`."""
        return find_inputs(self.files, own)


source_options: Final = group(
    "source",
    Source,
    click.argument("files", nargs=-1, metavar="[FILE ...]", type=InputPath()),
    event_type_option,
)


def read_or_skip(
    source: Input, event_type: str | None, advance: Advance, skipped: list[str]
) -> Iterator[Read]:
    """
    Read the events of *source*; if it contains none and lies in a folder, add a message
    to *skipped*.
    """
    try:
        yield from source.read(event_type, advance)
    except WrongFormatError as error:
        if not source.is_found:
            raise
        skipped.append(str(error))


def read_all(
    inputs: Sequence[Input],
    event_type: str | None,
    advance: Advance,
    skipped: list[str],
) -> Iterator[Read]:
    """
    Read all *inputs*, also those after one that cannot be read to its end.

    Raises:
        ReadFailedError: At the end, if some could not be read; it names them.
        WrongFormatError: No input contains events.
    """
    failures: list[str] = []
    for source in inputs:
        try:
            yield from read_or_skip(source, event_type, advance, skipped)
        except ReadFailedError as error:
            failures.append(str(error))
    if failures:
        more = len(failures) - _MAX_FAILURES
        names = failures[:_MAX_FAILURES] + [f"and {more:,} more"] * (more > 0)
        raise ReadFailedError("\n".join(names))
    check_any_read(inputs, skipped)


def check_any_read(inputs: Sequence[Input], skipped: Sequence[str]) -> None:
    """
    Check that not all *inputs* were *skipped* as files without events.

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
    Return all files below *root* in the order of their names.

    A note on stderr names the others: hidden names, links to folders, pipes.

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


def batches(reads: Iterable[Read], unit: int = UNIT) -> Iterator[list[Read]]:
    """
    Split *reads* into batches, limited in number and in bytes, and at each *unit*.

    If reading ends with an error or Ctrl-C, a batch of the events before comes first.
    """
    batch: list[Read] = []
    try:
        for read in reads:
            if batch and read.offset // unit != batch[0].offset // unit:
                full, batch = batch, []
                yield full
            batch.append(read)
            if _is_full(batch):
                full, batch = batch, []
                yield full
    except (UnusableError, KeyboardInterrupt):
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _is_full(batch: list[Read]) -> bool:
    return len(batch) >= BATCH or batch[-1].offset - batch[0].offset > BATCH_BYTES
