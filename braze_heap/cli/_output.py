"""
Where calls go: stdout or a file, whole lines only.
"""

import contextlib
import gzip
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


@contextlib.contextmanager
def open_output(path: Path, inputs: Sequence[Input]) -> Iterator[IO[bytes]]:
    """
    Open what the calls are written to; ``-`` is stdout, ``.gz`` is compressed.

    Raises:
        UnusableError: It cannot be written, or is one of *inputs*.
        BrokenPipeError: Nobody reads it any more.
    """
    _refuse_input(path, inputs)
    try:
        with _opened(path) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        silence("stdout")
        name = "stdout" if path == STDIN else path
        flaw = error.strerror or error
        raise UnusableError(f"cannot write {name}: {flaw}") from None


def _opened(path: Path) -> AbstractContextManager[IO[bytes]]:
    if path == STDIN:
        return contextlib.nullcontext(sys.stdout.buffer)
    if path.suffix == ".gz":
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
