"""
How far a long run has come.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from braze_heap.cli._inputs import Advance, Input

LONG: Final = 5_000_000
"""Bytes from which on an input is worth a progress bar."""


@contextlib.contextmanager
def progress(
    inputs: Sequence[Input], console: Console | None, doing: str = "Transforming"
) -> Iterator[Advance]:
    """
    Show a bar on *console*, if that is a terminal and *inputs* are long.

    Yields:
        What is to be told of each piece that was read.
    """
    total = sum(read.size for read in inputs)
    if console is None or not console.is_terminal or total <= LONG:
        yield lambda _: None
        return
    with _bar(console) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda size: bar.advance(task, size)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
