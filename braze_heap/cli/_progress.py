"""Progress of long runs: bars on a terminal, rates, and the time that is left."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import attrs
import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from braze_heap.cli._inputs import Advance, Input

LONG: Final = 5_000_000
"""Bytes from which on an input is worth a progress bar."""


@attrs.define(eq=False)
class DeliveryProgress:
    """
    Count what was read and what was delivered.

    Attributes:
        total: Units to read, such as bytes; 0 if that is not known.
        ceiling: Maximum number of events a minute that the sink accepts.
        on_message: Called with a line for the user.
        on_change: Called with the text of a progress bar, and the units read.
        clock: Monotonic seconds.
        done: Units that were read.
        events: Events that were delivered, skipped or dead-lettered.
    """

    total: int
    ceiling: float = math.inf
    on_message: Callable[[str], object] = lambda _: None
    on_change: Callable[[str, int], object] = lambda *_: None
    clock: Callable[[], float] = time.monotonic
    done: int = 0
    events: int = 0
    started: float = attrs.field(init=False)

    @started.default
    def _now(self) -> float:
        return self.clock()

    def advance(self, units: int) -> None:
        """Count *units* that were read."""
        self.done += units

    def add_events(self, events: int) -> None:
        """Count *events* that were delivered, skipped or dead-lettered."""
        self.events += events
        self.on_change(str(self), self.done)

    def show_wait(self, seconds: float) -> None:
        """Show that the delivery waits for *seconds*."""
        self.on_change(f"{self}, waiting {format_duration(seconds)}", self.done)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return max(self.clock() - self.started, 0.001)

    @property
    def left(self) -> float | None:
        """
        Estimated seconds for the rest, at the rate so far or the ceiling; ``None`` if
        they are not known.
        """
        if not self.events or not self.total or not self.done:
            return None
        rest = self.events * max(self.total / self.done - 1, 0)
        return rest / min(self.events / self.seconds, self.ceiling / 60)

    def __str__(self) -> str:
        rate = self.events / self.seconds
        left = f", {format_duration(self.left)} left" if self.left is not None else ""
        return f"{self.events:,} events, {rate:,.0f}/s{left}"


def format_duration(seconds: float) -> str:
    """Return a rounded duration: ``40 s``, ``12 min``, ``1 h 7 min``."""
    if seconds < 60:
        return f"{math.ceil(seconds)} s"
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    return " ".join(
        part
        for part in (f"{hours} h" * bool(hours), f"{minutes} min" * bool(minutes))
        if part
    )


@contextlib.contextmanager
def delivery_progress(
    total: int, ceiling: float, console: Console | None
) -> Iterator[DeliveryProgress]:
    """
    Measure a delivery, with a bar on *console* if that is a terminal.

    Args:
        total: Units to read; 0 if that is not known.
        ceiling: Maximum number of events a minute that the sink accepts.
        console: Console for bar and messages; ``None`` shows nothing.
    """
    if console is None:
        yield DeliveryProgress(total, ceiling)
    elif not console.is_terminal:
        yield DeliveryProgress(total, ceiling, lambda text: click.echo(text, err=True))
    else:
        columns = (
            TextColumn("Sending"),
            BarColumn(20),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
        )
        with _bar(console, *columns) as bar:
            task = bar.add_task("starting", total=total or None)
            yield DeliveryProgress(
                total,
                ceiling,
                lambda text: console.print(Text(text)),
                lambda text, done: bar.update(task, description=text, completed=done),
            )


@contextlib.contextmanager
def progress(
    inputs: Sequence[Input], console: Console | None, doing: str = "Transforming"
) -> Iterator[Advance]:
    """
    Show a bar on *console*, if that is a terminal and *inputs* are long.

    Yields:
        Function to call with the bytes of each piece that was read.
    """
    total = sum(read.size for read in inputs)
    if console is None or not console.is_terminal or total <= LONG:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with _bar(console, *columns) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda size: bar.advance(task, size)


def _bar(console: Console, *columns: ProgressColumn) -> Progress:
    return Progress(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
