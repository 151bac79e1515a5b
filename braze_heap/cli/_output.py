"""Outputs of commands: stdout or a file, in whole lines."""

import contextlib
import gzip
import io
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TypeAlias, cast

from rich.console import RenderableType

from braze_heap import Call
from braze_heap._json import encode
from braze_heap.cli import _console as ui
from braze_heap.cli._inputs import Input
from braze_heap.cli._options import STDIN, Place, StoreUrl
from braze_heap.sinks._local import is_zipped
from braze_heap.storage import StoredObject
from braze_heap.storage._objects import ObjectWriter, is_same_url, shown

Output: TypeAlias = Place
"""Output of a command: a file, ``-`` for stdout, or an object."""


def is_stdout(path: Output) -> bool:
    """Return whether *path* is stdout, also by a name such as ``/dev/stdout``."""
    if isinstance(path, StoreUrl):
        return False
    if path == STDIN:
        return True
    with contextlib.suppress(OSError, ValueError):
        return os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    return False


def is_replaced(path: Output) -> bool:
    """Return whether a file appears at *path* when it is complete: not for pipes."""
    if isinstance(path, StoreUrl):
        return True
    return not is_stdout(path) and (path.is_file() or not path.exists())


@contextlib.contextmanager
def open_output(
    path: Output,
    inputs: Iterable[Input | Path | None] = (),
    *,
    is_joined: bool = False,
    mode: int | None = None,
) -> Iterator[IO[bytes]]:
    """
    Open the output of a command; ``-`` is stdout, ``.gz`` is compressed.

    A file is written beside *path* and put there at the end; an exception leaves the
    file at *path* as it is. So does an object.

    Args:
        path: Path or URL of the output.
        inputs: Files that the command reads; *path* must not be one of them.
        is_joined: Whether it is joined from parts that are compressed already.
        mode: Permissions of a file. By default those of the existing one.
    """
    refuse_input(path, inputs, "--output")
    try:
        with contextlib.ExitStack() as files:
            raw = files.enter_context(_opened(path, mode))
            yield raw if is_joined else files.enter_context(compressed(raw, path))
    except BrokenPipeError:
        raise
    except OSError as error:
        if isinstance(path, StoreUrl):
            raise ui.UnusableError(str(error)) from None
        if path == STDIN:
            ui.redirect_to_devnull("stdout")
        name = "stdout" if path == STDIN else path
        raise ui.cannot_write(name, error) from None


@contextlib.contextmanager
def _opened(path: Output, mode: int | None) -> Iterator[IO[bytes]]:
    """Open *path* without compression; a file or object appears if the block ends."""
    if isinstance(path, StoreUrl):
        try:
            writer = ObjectWriter(path.url, path.storage_options)
        except (ValueError, ModuleNotFoundError) as error:
            raise ui.UnusableError(str(error)) from None
        with ui.stopped_by_signals(), writer as file:
            yield cast("IO[bytes]", file)
    elif is_stdout(path):
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif is_replaced(path):
        with _replaced(Path(os.path.realpath(path)), mode) as raw:
            yield raw
    else:  # a device or a pipe
        with path.open("wb") as raw:
            yield raw


@contextlib.contextmanager
def _replaced(target: Path, mode: int | None) -> Iterator[IO[bytes]]:
    """
    Write a file beside *target*, and put it there at the end of the block.

    If the block raises, or is ended by Ctrl-C, SIGTERM or SIGHUP, the file beside is
    removed. An existing file keeps its mode.
    """
    with contextlib.suppress(FileNotFoundError):
        usual = stat.S_IMODE(target.stat().st_mode)
        target.open("ab").close()  # a file that may not be written stays as it is
        mode = usual if mode is None else mode
    part = target.with_name(f".braze-heap-{secrets.token_hex(8)}.part")
    try:
        with ui.stopped_by_signals():
            with part.open("xb") as raw:
                if mode is not None:
                    part.chmod(mode)
                yield raw
                raw.flush()
                os.fsync(raw.fileno())
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def compressed(raw: IO[bytes], path: Output) -> Iterator[IO[bytes]]:
    """Yield *raw*, or for a *path* with ``.gz`` a file that compresses into it."""
    if not is_zipped(path.url if isinstance(path, StoreUrl) else path):
        yield raw
        return
    level = 6  # gzip's own default; Python's default takes twice as long
    with gzip.GzipFile("", "wb", level, raw) as file:
        yield cast("IO[bytes]", file)


def refuse_input(
    path: Output,
    inputs: Iterable[Input | Place | None],
    option: str,
    purpose: str = "",
) -> None:
    """
    Raise an `UnusableError` if *path*, which *option* names, is read as well, or has
    another *purpose*.
    """
    for each in inputs:
        place = each.place if isinstance(each, Input) else each
        if place and (relation := _relation(path, place)):
            name = "stdout" if path == STDIN else path
            if purpose:
                text = f"{option}: {name} is {purpose}. Name another file."
                raise ui.UnusableError(text)
            source = "stdin" if place == STDIN else place
            if isinstance(source, StoredObject):
                source = shown(source.url)
            raise ui.UnusableError(
                f"{name} is {relation} {source}, which is read. "
                f"Name another file with {option}."
            )


def _relation(path: Output, place: Place | StoredObject) -> str:
    """Return what *path* is to a *place* that is read; empty if they are apart."""
    if not (isinstance(path, Path) and isinstance(place, Path)):
        urls = (getattr(each, "url", "") for each in (path, place))
        return "the object" if is_same_url(*urls) else ""
    if place.is_dir():
        return "in the folder" if path.resolve().is_relative_to(place.resolve()) else ""
    try:
        output = os.fstat(sys.stdout.fileno()) if path == STDIN else path.stat()
        source = os.fstat(sys.stdin.fileno()) if place == STDIN else place.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        is_path = STDIN not in (path, place)
        is_same = is_path and os.path.realpath(path) == os.path.realpath(place)
    else:
        is_same = stat.S_ISREG(output.st_mode) and os.path.samestat(output, source)
    return "the file" if is_same else ""


def write_calls(file: IO[bytes], calls: Iterable[Call]) -> None:
    """Write each of *calls* as one line of JSON, in UTF-8."""
    file.write(b"".join([encode(call.to_dict()) + b"\n" for call in calls]))
    file.flush()


def write_text(view: str | RenderableType, path: Output) -> None:
    """Write text in UTF-8, or a view: to a terminal as it fits, else for a pipe."""
    with ui.exit_on_broken_pipe():
        if path == STDIN and not isinstance(view, str):
            ui.show(view, ui.console("stdout"))
            return
        if not isinstance(view, str):
            view = ui.to_text(view, ui.console(io.StringIO()))
        with open_output(path) as file:
            file.write(view.encode("utf-8", "replace"))


def append(file: IO[bytes], part: Path) -> None:
    """Write the content of the file *part* as it is."""
    with part.open("rb") as source:
        shutil.copyfileobj(source, file, 1 << 20)
    file.flush()
