"""Dead letters on the command line."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from braze_heap.cli._console import UnusableError
from braze_heap.cli._paths import FilePath
from braze_heap.exceptions import DeadLetterError, DeadLetterFull
from braze_heap.state import MAX_BYTES, MIN_BYTES, SqliteDeadLetter

_Command = TypeVar("_Command", bound=Callable[..., Any])

OWN_SUFFIXES: Final = ("-wal", "-shm", "-journal", "-replay")
"""Ends of the names of files beside a dead letter that belong to it."""


def is_of_store(path: Path, store: Path) -> bool:
    """Tell whether *path* is the dead letter *store*, or a file of SQLite beside it."""
    found, own = os.path.realpath(path), os.path.realpath(store)
    return found in (own, *(f"{own}{suffix}" for suffix in OWN_SUFFIXES))


max_bytes_option: Final = click.option(
    "--max-bytes",
    metavar="BYTES",
    type=click.IntRange(min=MIN_BYTES),
    help=f"Largest size of the dead letter.  [default: {MAX_BYTES}, which is 1 GiB]",
)


@contextlib.contextmanager
def open_store(
    path: Path, *, is_made: bool = False, max_bytes: int | None = None
) -> Iterator[SqliteDeadLetter]:
    """
    Open the dead letter at *path*.

    Args:
        path: The file. Any other file than a dead letter is left as it is.
        is_made: Whether to make it if it does not exist.
        max_bytes: Its cap; by default 1 GiB.

    Raises:
        UnusableError: It does not exist, or cannot be used.
    """
    try:
        try:
            store = SqliteDeadLetter(
                path, max_bytes=max_bytes or MAX_BYTES, create=is_made
            )
        except ValueError as error:
            raise UnusableError(f"{error}.") from None
        with store:
            yield store
    except DeadLetterError as error:
        name = f"{path}: " if isinstance(error, DeadLetterFull) else ""
        raise UnusableError(f"{name}{error}.") from None


def store_argument(command: _Command) -> _Command:
    """Add the argument that names a dead letter."""
    kind = FilePath(exists=True, dir_okay=False)
    return click.argument("path", metavar="DEAD.db", type=kind)(command)
