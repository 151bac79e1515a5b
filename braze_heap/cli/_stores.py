"""
Dead letters on the command line: opened only where there is one.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from braze_heap.cli._console import UnusableError
from braze_heap.cli._paths import FilePath
from braze_heap.dead_letters import SqliteDeadLetter
from braze_heap.sinks import DeadLetterError

_Command = TypeVar("_Command", bound=Callable[..., Any])

_COLUMNS: Final = (
    "SELECT key, reason, detail, at, original, coding, event_type "
    "FROM dead_letters LIMIT 0"
)


@contextlib.contextmanager
def store_at(path: Path, *, is_made: bool = False) -> Iterator[SqliteDeadLetter]:
    """
    Open the dead letter at *path*.

    Args:
        path: The file. Anything else than a dead letter is left alone.
        is_made: Whether one is made if there is none.

    Raises:
        UnusableError: There is none, or it cannot be used.
    """
    if path.exists() or not is_made:
        check_store(path)
    elif not path.parent.is_dir():
        raise UnusableError(f"{path}: there is no such folder. Make it first.")
    try:
        with SqliteDeadLetter(path) as store:
            yield store
    except DeadLetterError as error:
        advice = "Make it writable, or name another file."
        raise UnusableError(f"{path}: {error}. {advice}") from None


def check_store(path: Path) -> None:
    """
    Make sure that there is a dead letter at *path*, and change nothing.

    Raises:
        UnusableError: There is none.
    """
    if not path.is_file():
        raise UnusableError(f"there is no dead letter at {path}")
    try:
        uri = f"{path.resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as db:
            db.execute(_COLUMNS)
    except sqlite3.Error as error:
        kind = getattr(error, "sqlite_errorname", type(error).__name__)
        raise UnusableError(
            f"{path} is no dead letter, or cannot be read ({kind}). "
            "Name a file that `braze-heap send` made."
        ) from None


def argument_of_store(command: _Command) -> _Command:
    """
    Add the argument that names a dead letter.
    """
    kind = FilePath(exists=True, dir_okay=False)
    return click.argument("path", metavar="DEAD.db", type=kind)(command)
