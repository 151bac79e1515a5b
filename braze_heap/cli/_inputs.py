"""Inputs of commands: files, directories and stdin, read in batches."""

import contextlib
import datetime as dt
import os
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
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

_OF_THIS_PROCESS: Final = ("/dev/fd/", "/dev/stdin", "/proc/", "memory:")
"""Beginnings of paths and URLs that other processes cannot open."""


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

        *opened* is the object, if that is open.
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
                raw = cast("BinaryIO", metered)
                event_type = self.event_type or type_in_path(self.name)
                if self.lines:
                    yield from read_lines(raw, event_type, *self.lines)
                else:
                    yield from read_source(raw, event_type)
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

    def is_regular(self) -> bool:
        """Return whether it is not a pipe or a device."""
        if isinstance(self.place, StoredObject):
            return True
        return self.place != opts.STDIN and self.place.is_file()

    def is_open_to_others(self) -> bool:
        """Return whether other processes can open it: not a pipe, not memory."""
        return self.is_regular() and not self.name.startswith(_OF_THIS_PROCESS)

    def pieces(self, unit: int) -> Iterator["Input"]:
        """Split long JSON lines into pieces of about *unit* bytes; others are one."""
        are_lines = False
        if self.size > unit and isinstance(self.place, Path):
            with contextlib.suppress(OSError), self.place.open("rb") as file:
                are_lines = is_json_lines(file)
        if not are_lines:
            yield self
            return
        for start in range(0, self.size, unit):
            size = min(unit, self.size - start)
            end = start + unit if start + unit < self.size else sys.maxsize
            yield attrs.evolve(self, size=size, lines=(start, end))


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
    Files that a command reads, as the user named them; none for stdin.

    *since* is the first hour in the paths of files, *until* the end of the last one.
    """

    files: tuple[Path | opts.StoreUrl, ...]
    event_type: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    def find(
        self, own: Collection[Path] = (), selects: Callable[[str], bool] | None = None
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
            wanted = PathFilter(selects or (lambda _: True), hours)
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
        found = _each_once(found)
        is_narrowed = hours.is_limited or selects is not None
        is_empty = all(each.is_regular() and not each.size for each in found)
        if is_empty and (found or not is_narrowed):
            names = ", ".join(ui.safe(str(p), 200) for p in self.files[:10])
            raise ui.UnusableError(f"There is nothing to read in {names}.")
        for each in found:
            if not each.is_found and each.is_regular():  # a pipe is read only once
                try:
                    next(each.read(lambda _: None), None)
                except ReadFailedError:  # it is reported when it is read
                    continue
        return Inputs(found)


source_options: Final = opts.group(
    "source",
    Source,
    click.argument("files", nargs=-1, metavar="[FILE ...]", type=opts.InputPath()),
    opts.event_type_option,
    *opts.WINDOW,
)


def _each_once(found: Sequence[Input]) -> list[Input]:
    """Return *found* without repeats, such as those of a folder and one in it."""
    unique: dict[object, Input] = {}
    for each in found:
        place = each.place
        key = place.absolute() if isinstance(place, Path) else place.url
        if key not in unique or not each.is_found:  # the one that the user named
            unique[key] = each
    if number := len(found) - len(unique):
        files = ui.plural(number, "file")
        click.echo(f"Note: {files} named more than once, and read once.", err=True)
    return [*unique.values()]


def _inputs_at(
    place: Path | opts.StoreUrl, wanted: PathFilter, own: Collection[Path]
) -> Iterator[Input]:
    if isinstance(place, opts.StoreUrl):
        for obj in find_wanted(place.url, wanted, place.storage_options):
            is_found = obj.url.rstrip("/") != place.url.rstrip("/")
            yield Input(obj, obj.size, is_found, obj.event_type)
    elif place != opts.STDIN and place.is_dir():
        for path in _files_in(place):
            is_wanted = wanted.has(path.absolute().as_posix())
            if is_wanted and path.resolve() not in own:
                yield Input(path, _size(path), is_found=True)
    else:
        name = "stdin" if place == opts.STDIN else place.absolute().as_posix()
        if wanted.has_hour(name):
            yield Input(place, _size(place))


def _files_in(root: Path) -> list[Path]:
    """Return all files below *root*; a note on stderr names what is not read."""
    files: list[Path] = []
    ignored: list[str] = []
    for folder, folders, names in os.walk(root, onerror=_raise):
        for path in (Path(folder, name) for name in (*folders, *names)):
            is_hidden = path.name.startswith(".")
            if path.is_file() and not is_hidden:
                files.append(path)
            elif is_hidden or path.is_symlink() or not path.is_dir():
                ignored.append(ui.safe(str(path), 200))
        folders[:] = [name for name in folders if not name.startswith(".")]
    if ignored:
        listed = "; ".join(first_of(sorted(ignored), most=5))
        note = "Note: hidden files, links to folders, and special files are not read"
        click.echo(f"{note}: {listed}", err=True)
    return sorted(files)


def _raise(error: OSError) -> NoReturn:
    raise error


def _size(path: Path) -> int:
    """Return the bytes of a regular file; 0 if it is something else."""
    with contextlib.suppress(OSError, ValueError):  # not every stdin has a number
        is_stdin = path == opts.STDIN
        status = os.fstat(sys.stdin.fileno()) if is_stdin else path.stat()
        if stat.S_ISREG(status.st_mode):
            return status.st_size
    return 0


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
            if batch and (
                len(batch) >= number
                or read.offset - batch[0].offset > BATCH_BYTES
                or read.offset // unit != batch[0].offset // unit
            ):
                full, batch = batch, []
                yield full
            batch.append(read)
    except (ui.UnusableError, KeyboardInterrupt):
        if batch:
            yield batch
        raise
    if batch:
        yield batch
