"""
Where calls go: stdout or a file, whole lines only.
"""

import contextlib
import gzip
import shutil
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType
from typing import IO, Final, cast

from braze_heap import Call
from braze_heap.cli._console import UnusableError, silence
from braze_heap.cli._inputs import STDIN, Input

_LEVEL: Final = 6
"""How hard to compress: gzip's own default, where Python's takes twice as long."""

_COPIED: Final = 1 << 20
"""Bytes copied at a time."""


@contextlib.contextmanager
def open_output(
    path: Path, inputs: Sequence[Input], *, is_joined: bool = False
) -> Iterator[IO[bytes]]:
    """
    Open what the calls are written to; ``-`` is stdout, ``.gz`` is compressed.

    Args:
        path: Where they go.
        inputs: What they are made of.
        is_joined: Whether it is joined of files that are compressed already.

    Raises:
        UnusableError: It cannot be written, or is one of *inputs*.
        BrokenPipeError: Nobody reads it any more.
    """
    _refuse_input(path, inputs)
    try:
        with _opened(path, is_joined=is_joined) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        if path == STDIN:
            silence("stdout")
        name = "stdout" if path == STDIN else path
        flaw = error.strerror or error
        raise UnusableError(f"cannot write {name}: {flaw}") from None


def _opened(path: Path, *, is_joined: bool) -> AbstractContextManager[IO[bytes]]:
    if path == STDIN:
        return contextlib.nullcontext(sys.stdout.buffer)
    if path.suffix == ".gz" and not is_joined:
        return cast("IO[bytes]", gzip.open(path, "wb", compresslevel=_LEVEL))
    return path.open("wb")


def _refuse_input(path: Path, inputs: Iterable[Input]) -> None:
    for read in inputs:
        if read.path and path.exists() and path.samefile(read.path):
            raise UnusableError(
                f"{path} is read and cannot be written at the same time. "
                "Name another file with --output."
            )


def write_calls(file: IO[bytes], calls: Iterable[Call]) -> None:
    """
    Write each of *calls* as one line of JSON, in UTF-8.
    """
    file.write("".join(f"{call.to_json()}\n" for call in calls).encode())
    file.flush()


def append(file: IO[bytes], part: Path) -> None:
    """
    Write the content of the file *part* as it is.
    """
    with part.open("rb") as source:
        shutil.copyfileobj(source, file, _COPIED)
    file.flush()


@contextlib.contextmanager
def unbroken() -> Iterator[None]:
    """
    Hold the first Ctrl-C back until the block is done; a second one breaks it.
    """
    held: list[int] = []
    usual = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not callable(usual):
        yield
        return

    def hold(number: int, _: FrameType | None) -> None:
        held.append(number)
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    if held:
        raise KeyboardInterrupt
