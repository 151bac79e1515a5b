"""
What a command reads: files, directories and stdin, and how far it has come.
"""

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NoReturn, Protocol, TypeAlias, cast

import attrs
import click

from braze_heap import read_events
from braze_heap.cli._console import UnusableError, safe
from braze_heap.wire import Read
from braze_heap.wire._source import holds_lines, read_lines, type_in_path

BATCH: Final = 1_000
"""Events that are transformed together."""

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


@attrs.frozen
class Input:
    """
    A file to read, or stdin.

    Attributes:
        name: As reports show it.
        path: Where it is; ``None`` for stdin.
        size: Its bytes; 0 where that cannot be told.
        lines: Of JSON lines, the offsets between which those begin that are read.
    """

    name: str
    path: Path | None
    size: int = 0
    lines: tuple[int, int] | None = None

    def read(self, event_type: str | None, advance: Advance) -> Iterator[Read]:
        """
        Read its events in order, and name what cannot be read.

        Raises:
            UnusableError: It cannot be opened or read on, or needs a missing package.
        """
        try:
            if self.path is None:
                yield from _read(cast("_Stream", sys.stdin.buffer), event_type, advance)
            else:
                event_type = event_type or type_in_path(os.fspath(self.path))
                with self.path.open("rb") as file:
                    yield from _read(file, event_type, advance, self.lines)
        except OSError as error:
            flaw = error.strerror or error
            raise UnusableError(f"cannot read {self.name}: {flaw}") from None
        except ModuleNotFoundError as error:
            raise UnusableError(str(error)) from None

    @property
    def goes_on(self) -> bool:
        """
        Whether other pieces of the same file come before.
        """
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
        if self.size <= unit or not self._holds_lines():
            yield self
            return
        for start in range(0, self.size, unit):
            size = min(unit, self.size - start)
            end = start + unit if start + unit < self.size else sys.maxsize
            yield attrs.evolve(self, size=size, lines=(start, end))

    def _holds_lines(self) -> bool:
        try:
            with cast("Path", self.path).open("rb") as file:
                return holds_lines(file)
        except OSError:
            return False


class _Stream(Protocol):
    def read1(self, size: int, /) -> bytes: ...

    def seek(self, offset: int, /) -> int: ...


@attrs.frozen
class _Metered:
    """
    A stream that tells how much of it was read, and waits for no more than it needs.
    """

    stream: _Stream
    advance: Advance

    def read(self, size: int, /) -> bytes:
        data = self.stream.read1(size)
        self.advance(len(data))
        return data

    def seek(self, offset: int, /) -> int:
        return self.stream.seek(offset)


def _read(
    stream: _Stream,
    event_type: str | None,
    advance: Advance,
    lines: tuple[int, int] | None = None,
) -> Iterator[Read]:
    metered = cast("BinaryIO", _Metered(stream, advance))
    if lines:
        return read_lines(metered, event_type, *lines)
    return read_events(metered, event_type=event_type)


def find_inputs(paths: Sequence[Path]) -> list[Input]:
    """
    Return what *paths* lead to; for a directory that is all files in it.

    They come in the order of their names, hidden ones left out. ``-`` is stdin.
    """
    return [found for path in paths for found in _inputs_at(path)]


def _inputs_at(path: Path) -> Iterator[Input]:
    if path == STDIN:
        yield Input("stdin", None, _size_of_stdin())
    elif path.is_dir():
        yield from map(_file, _files_in(path))
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


def batches(reads: Iterable[Read], unit: int = UNIT) -> Iterator[list[Read]]:
    """
    Split *reads* into batches, bounded in number and in bytes, and at each *unit*.

    Where reading ends with an error or Ctrl-C, what was read before comes first.
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
