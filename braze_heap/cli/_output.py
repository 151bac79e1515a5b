"""Where calls go: stdout or a file, whole lines only."""

import contextlib
import gzip
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final, cast

from braze_heap import Call
from braze_heap._json import encode
from braze_heap.cli._console import UnusableError, redirect_to_devnull
from braze_heap.cli._inputs import STDIN, Input
from braze_heap.cli._signals import stopped_by_signals

_LEVEL: Final = 6
"""How hard to compress: gzip's own default, where Python's takes twice as long."""

_COPIED: Final = 1 << 20
"""Bytes copied at a time."""


def is_stdout(path: Path) -> bool:
    """Tell whether *path* is stdout: ``-``, or another name such as ``/dev/stdout``."""
    if path == STDIN:
        return True
    with contextlib.suppress(OSError, ValueError):
        return os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    return False


def is_replaced(path: Path) -> bool:
    """
    Tell whether a file appears at *path* only when it is complete: not for stdout,
    devices and pipes.
    """
    return not is_stdout(path) and (path.is_file() or not path.exists())


@contextlib.contextmanager
def open_output(
    path: Path, inputs: Sequence[Input], *, is_joined: bool = False
) -> Iterator[IO[bytes]]:
    """
    Open what the calls are written to; ``-`` is stdout, ``.gz`` is compressed.

    A file is written beside *path* and put there at the end; an exception leaves what
    is at *path* as it is.

    Args:
        path: Where they go.
        inputs: What they are made of.
        is_joined: Whether it is joined of files that are compressed already.

    Raises:
        UnusableError: It cannot be written, or is one of *inputs*.
        BrokenPipeError: The reader closed the pipe.
    """
    refuse_input(path, inputs, "--output")
    try:
        if is_stdout(path):
            yield sys.stdout.buffer
            return
        with replaced(path, compresses=path.suffix == ".gz" and not is_joined) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        if path == STDIN:
            redirect_to_devnull("stdout")
        name = "stdout" if path == STDIN else path
        flaw = error.strerror or error
        raise UnusableError(f"cannot write {name}: {flaw}") from None


@contextlib.contextmanager
def replaced(
    path: Path, *, compresses: bool = False, mode: int | None = None
) -> Iterator[IO[bytes]]:
    """
    Write a file beside *path*, and put it there at the end of the block.

    If the block raises, or is ended by Ctrl-C, SIGTERM or SIGHUP, the file beside is
    removed. An existing file keeps its mode, and a symbolic link its target. A device
    or pipe is written as it is.

    Args:
        path: Where the content goes.
        compresses: Whether it is compressed with gzip.
        mode: Permissions of the file. By default those of the existing one.

    Raises:
        OSError: It cannot be written.
        Stopped: SIGTERM or SIGHUP came.
    """
    target = Path(os.path.realpath(path))
    try:
        status = target.stat()
    except FileNotFoundError:
        status = None
    if status and not stat.S_ISREG(status.st_mode):
        with path.open("wb") as raw, _compressed(raw, target, compresses) as file:
            yield file
        return
    if status:
        target.open("ab").close()  # a file that may not be written stays as it is
        mode = stat.S_IMODE(status.st_mode) if mode is None else mode
    part = target.with_name(f".braze-heap-{secrets.token_hex(8)}.part")
    try:
        with stopped_by_signals():
            with part.open("xb") as raw:
                if mode is not None:
                    part.chmod(mode)
                with _compressed(raw, target, compresses) as file:
                    yield file
                raw.flush()
                os.fsync(raw.fileno())
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def _compressed(raw: IO[bytes], path: Path, compresses: bool) -> Iterator[IO[bytes]]:
    if not compresses:
        yield raw
        return
    with gzip.GzipFile(path.name, "wb", _LEVEL, raw) as file:
        yield cast("IO[bytes]", file)


@contextlib.contextmanager
def open_part(path: Path) -> Iterator[IO[bytes]]:
    """
    Open a part of an output that `append` joins; ``.gz`` is compressed.

    Raises:
        UnusableError: It cannot be written.
    """
    try:
        with (
            path.open("wb") as raw,
            _compressed(raw, path, path.suffix == ".gz") as file,
        ):
            yield file
    except OSError as error:
        raise UnusableError(f"cannot write {path}: {error.strerror or error}") from None


def as_inputs(*paths: Path | None) -> list[Input]:
    """Return files that a command reads beside its inputs, for `refuse_input`."""
    return [Input(str(path), path) for path in paths if path]


def refuse_input(path: Path, inputs: Iterable[Input], option: str) -> None:
    """
    Make sure that a file is not read while it is written, under whichever name.

    Args:
        path: What is written; ``-`` is stdout.
        inputs: What is read.
        option: What names *path*.

    Raises:
        UnusableError: It is one of *inputs*.
    """
    written = _status(path, sys.stdout)
    if written is None:
        return
    for read in inputs:
        found = _status(read.path or STDIN, sys.stdin)
        if found and os.path.samestat(found, written):
            name = "stdout" if path == STDIN else path
            raise UnusableError(
                f"{name} is the file {read.name}, which is read. "
                f"Name another file with {option}."
            )


def _status(path: Path, stream: IO[str]) -> os.stat_result | None:
    """Return the status of a regular file, or of *stream* for ``-`` if it is one."""
    try:
        status = os.fstat(stream.fileno()) if path == STDIN else path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def write_calls(file: IO[bytes], calls: Iterable[Call]) -> None:
    """Write each of *calls* as one line of JSON, in UTF-8."""
    file.write(b"".join([encode(call.to_dict()) + b"\n" for call in calls]))
    file.flush()


def append(file: IO[bytes], part: Path) -> None:
    """Write the content of the file *part* as it is."""
    with part.open("rb") as source:
        shutil.copyfileobj(source, file, _COPIED)
    file.flush()
