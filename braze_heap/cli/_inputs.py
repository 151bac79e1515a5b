"""Inputs of commands: files, directories and stdin, read in batches."""

import contextlib
import datetime as dt
import os
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn, TypeAlias, cast

import attrs
import click

from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.storage import StoredObject
from braze_heap.storage._find import Hours, PathFilter, find_wanted, open_each
from braze_heap.storage._objects import ObjectFile, open_object, shown
from braze_heap.wire import Read, UnknownFormatError
from braze_heap.wire._source import (
    is_json_lines,
    read_lines,
    read_object,
    read_source,
    type_in_path,
)

BATCH: Final = 1_000
"""Events that are sent together, which costs one request each to the sink."""

FEW: Final = 100
"""Events that are transformed together: they stay in the caches of a processor."""

BATCH_BYTES: Final = 8 << 20
"""Bytes from the first to the last event of a batch: some events have 100 kB."""

UNIT: Final = 16 << 20
"""Bytes of a piece of a long file, which one worker reads.

A batch ends with its piece, so batches, and the repeats found in them, do not depend on
the number of workers.
"""

Advance: TypeAlias = Callable[[int], object]
"""Function that gets the stored bytes of each piece that was read."""

_OF_THIS_PROCESS: Final = ("/dev/fd/", "/dev/stdin", "/proc/")
"""Paths that other processes cannot open."""


class ReadFailedError(ui.UnusableError):
    """The stream of an input failed. The events before the failure are valid."""


class WrongFormatError(ui.UnusableError):
    """An input does not contain events."""


@attrs.frozen
class Input:
    """
    A file to read, an object of a store, or stdin.

    Attributes:
        place: Path, ``-`` for stdin, or object.
        size: Bytes; 0 if that is not known.
        is_found: Whether it was found in a folder, not named by the user.
        event_type: Type of records from storage that do not contain it.
        lines: Offsets between which the JSON lines begin that are read.
    """

    place: Path | StoredObject
    size: int = 0
    is_found: bool = False
    event_type: str | None = None
    lines: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """Name in reports."""
        if isinstance(self.place, StoredObject):
            return shown(self.place.url)
        return "stdin" if self.place == opts.STDIN else str(self.place)

    def read(
        self, advance: Advance, opened: ObjectFile | None = None
    ) -> Iterator[Read]:
        """
        Read its events in order; what cannot be decoded is an `Unreadable`.

        *advance* is called with the number of bytes of each piece. *opened* is the
        object, if that is open.
        """
        try:
            with contextlib.ExitStack() as files:
                if isinstance(self.place, StoredObject):
                    file = opened or files.enter_context(open_object(self.place))
                    file.on_read = advance
                    yield from read_object(file, self.event_type)
                    return
                stream: Any = sys.stdin.buffer
                if self.place != opts.STDIN:
                    stream = files.enter_context(self.place.open("rb"))
                metered = _MeteredStream(stream, advance, self.name)
                yield from self._read(cast("BinaryIO", metered))
                if not metered.was_read and not self.is_regular():
                    raise ui.UnusableError(f"{self.name} is empty: nothing was read.")
        except OSError as error:
            if isinstance(self.place, StoredObject):
                raise ReadFailedError(str(error)) from None
            raise _failed(self.name, error) from None
        except UnknownFormatError as error:
            raise WrongFormatError(str(error)) from None
        except ModuleNotFoundError as error:
            raise ui.UnusableError(str(error)) from None

    def _read(self, file: BinaryIO) -> Iterator[Read]:
        event_type = self.event_type or type_in_path(self.name)
        if self.lines:
            return read_lines(file, event_type, *self.lines)
        return read_source(file, event_type)

    def is_regular(self) -> bool:
        """Return whether it is not a pipe or a device."""
        if isinstance(self.place, StoredObject):
            return True
        return self.place != opts.STDIN and self.place.is_file()

    def is_open_to_others(self) -> bool:
        """Return whether other processes can open it: not a pipe, not memory."""
        if isinstance(self.place, StoredObject):
            return not self.place.url.startswith("memory:")
        return self.is_regular() and not self.name.startswith(_OF_THIS_PROCESS)

    def pieces(self, unit: int) -> Iterator["Input"]:
        """Split long JSON lines into pieces of about *unit* bytes; others are one."""
        if self.size <= unit or not self._is_json_lines():
            yield self
            return
        for start in range(0, self.size, unit):
            size = min(unit, self.size - start)
            end = start + unit if start + unit < self.size else sys.maxsize
            yield attrs.evolve(self, size=size, lines=(start, end))

    def _is_json_lines(self) -> bool:
        if isinstance(self.place, StoredObject):
            return False
        try:
            with self.place.open("rb") as file:
                return is_json_lines(file)
        except OSError:
            return False


@attrs.define
class _MeteredStream:
    """A stream that reports the bytes read, and waits for no more than is needed."""

    stream: Any
    advance: Advance
    name: str
    was_read: bool = False

    def read(self, size: int, /) -> bytes | None:
        """Return up to *size* bytes; ``None`` if the stream is not ready."""
        try:
            # Empty is the end, or a stream that is not ready: only `read` returns None.
            data: bytes | None = self.stream.read1(size) or self.stream.read(1)
        except Exception as error:
            raise _failed(self.name, error) from error
        if data:
            self.was_read = True
            self.advance(len(data))
        return data

    def seek(self, offset: int, /) -> int:
        position: int = self.stream.seek(offset)
        return position


def _failed(name: str, error: Exception) -> ReadFailedError:
    flaw = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
    return ReadFailedError(f"cannot read {ui.safe(name, 200)}: {ui.safe(flaw, 300)}")


@attrs.frozen
class Inputs:
    """All inputs of a command, with a message for each file that is *skipped*."""

    each: list[Input]
    skipped: list[str] = attrs.field(factory=list)
    _opened: Iterator[tuple[StoredObject, ObjectFile]] = attrs.field(init=False)

    @_opened.default
    def _open_ahead(self) -> Iterator[tuple[StoredObject, ObjectFile]]:
        places = (source.place for source in self.each)
        return open_each(place for place in places if isinstance(place, StoredObject))

    @property
    def size(self) -> int:
        """Bytes of all inputs; 0 if that is not known."""
        return sum(source.size for source in self.each)

    def __str__(self) -> str:
        return ui.plural(len(self.each), "file")

    def read_one(self, source: Input, advance: Advance) -> Iterator[Read]:
        """
        Read *source*; skip it if it lies in a folder and contains no events.

        Objects of a store must be read in order, because the next ones are fetched.
        """
        is_stored = isinstance(source.place, StoredObject)
        opened = next(self._opened)[1] if is_stored else None
        try:
            yield from source.read(advance, opened)
        except WrongFormatError as error:
            if not source.is_found:
                raise
            self.skipped.append(str(error))

    def read(self, advance: Advance) -> Iterator[Read]:
        """
        Read all inputs, also those after one that cannot be read to its end.

        A `ReadFailedError` at the end names those that could not be read.
        """
        failures: list[str] = []
        for source in self.each:
            try:
                yield from self.read_one(source, advance)
            except ReadFailedError as error:
                failures.append(str(error))
        if failures:
            raise ReadFailedError("\n".join(first_of(failures)))
        self.check_any_read()

    def check_any_read(self) -> None:
        """Raise a `WrongFormatError` if all inputs were skipped."""
        if self.skipped and len(self.skipped) == len(self.each):
            raise WrongFormatError(f"No file has events. {self.skipped[0]}")


def first_of(texts: Collection[str], most: int = 10) -> list[str]:
    """Return the first of *texts*, at *most* so many, and the number of the others."""
    more = len(texts) - most
    return [*texts][:most] + [f"and {more:,} more"] * (more > 0)


@attrs.frozen
class Source:
    """
    Files that a command reads, as the user named them.

    Attributes:
        files: Files, directories, URLs and ``-``; empty for stdin.
        event_type: Type of records from storage that do not contain it.
        since: First hour, in UTC, of the paths of files; ``None`` for all.
        until: End of the last hour.
    """

    files: tuple[Path | opts.StoreUrl, ...]
    event_type: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    def find(
        self, own: Collection[str] = (), selects: Callable[[str], bool] | None = None
    ) -> Inputs:
        """
        Return the inputs in the order of their names; directories without hidden files.

        Args:
            own: Real paths that the command writes; directories are read without them.
            selects: Function that returns whether files in directories and URLs with
                an event type in their path are read. By default all are.
        """
        if not self.files and sys.stdin.isatty():
            raise click.UsageError("Nothing to read. Name a file, or pipe events in.")
        try:
            hours = Hours.of(self.since, self.until)
        except ValueError as error:
            raise click.UsageError(f"{error}.") from None
        wanted = PathFilter(selects or (lambda _: True), hours)
        try:
            found = [
                attrs.evolve(each, event_type=self.event_type or each.event_type)
                for place in self.files or (opts.STDIN,)
                for each in _inputs_at(place, wanted, own)
            ]
            wanted.check()
        except (OSError, ValueError, ModuleNotFoundError) as error:
            if getattr(error, "filename", None) is not None:
                raise
            raise ui.UnusableError(str(error)) from None
        is_narrowed = hours.is_limited or selects is not None
        is_empty = all(each.is_regular() and not each.size for each in found)
        if is_empty and (found or not is_narrowed):
            names = ", ".join(ui.safe(str(p), 200) for p in self.files[:10])
            raise ui.UnusableError(f"There is nothing to read in {names}.")
        for each in found:
            if not each.is_found and each.is_regular():  # a pipe is read only once
                _check_format(each)
        return Inputs(found)


def _check_format(source: Input) -> None:
    """Raise a `WrongFormatError` if *source* begins neither as JSON nor as Avro."""
    try:
        next(source.read(lambda _: None), None)
    except WrongFormatError:
        raise
    except ui.UnusableError:  # reported when it is read
        return


source_options: Final = opts.group(
    "source",
    Source,
    click.argument("files", nargs=-1, metavar="[FILE ...]", type=opts.InputPath()),
    opts.event_type_option,
    *opts.WINDOW,
)


def _inputs_at(
    place: Path | opts.StoreUrl, wanted: PathFilter, own: Collection[str]
) -> Iterator[Input]:
    if isinstance(place, opts.StoreUrl):
        for obj in find_wanted(place.url, wanted, place.storage_options):
            is_found = obj.url.rstrip("/") != place.url.rstrip("/")
            yield Input(obj, obj.size, is_found, obj.event_type)
    elif place == opts.STDIN:
        size = 0
        with contextlib.suppress(OSError, ValueError):  # not every stdin has a number
            size = _size(os.fstat(sys.stdin.fileno()))
        if wanted.has_hour("stdin"):
            yield Input(place, size)
    elif place.is_dir():
        for path in _files_in(place):
            if wanted.has(_absolute(path)) and os.path.realpath(path) not in own:
                yield Input(path, _size(path.stat()), is_found=True)
    elif wanted.has_hour(_absolute(place)):
        yield Input(place, _size(place.stat()))


def _absolute(path: Path) -> str:
    return path.absolute().as_posix()


def _files_in(root: Path) -> list[Path]:
    """Return all files below *root*; a note on stderr names hidden and special ones."""
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
        names = first_of([ui.safe(name, 200) for name in sorted(ignored)], most=5)
        click.echo(f"Note: not read: {'; '.join(names)}", err=True)
    return sorted(files)


def _raise(error: OSError) -> NoReturn:
    raise error


def _size(status: os.stat_result) -> int:
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def batches(
    reads: Iterable[Read], unit: int = UNIT, number: int = BATCH
) -> Iterator[list[Read]]:
    """
    Split *reads* into batches, limited in *number* and in bytes, and at each *unit*.

    If reading ends with an error or Ctrl-C, a batch of the events before comes first.
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
    except (ui.UnusableError, KeyboardInterrupt):
        if batch:
            yield batch
        raise
    if batch:
        yield batch
