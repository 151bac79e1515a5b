"""
How far a delivery has come, and how long it takes at the rate that Heap allows.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator

import attrs
import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text


@attrs.define(eq=False)
class Meter:
    """
    Counts what was read and what was settled.

    Attributes:
        total: Units to read, such as bytes; 0 if that is not known.
        ceiling: Events a minute that the sink takes at most.
        tell: Takes a line that the user should see.
        show: Takes what a progress bar says.
        clock: Monotonic seconds.
        done: Units that were read.
        events: Events that were settled.
    """

    total: int
    ceiling: float = math.inf
    tell: Callable[[str], object] = lambda _: None
    show: Callable[[str, int], object] = lambda *_: None
    clock: Callable[[], float] = time.monotonic
    done: int = 0
    events: int = 0
    started: float = attrs.field(init=False)

    @started.default
    def _now(self) -> float:
        return self.clock()

    def advance(self, units: int) -> None:
        """
        Note that *units* were read.
        """
        self.done += units

    def settled(self, events: int) -> None:
        """
        Note that *events* were settled.
        """
        self.events += events
        self.show(str(self), self.done)

    def waits(self, seconds: float) -> None:
        """
        Note that nothing happens for *seconds*.
        """
        self.show(f"{self}, waiting {span(seconds)}", self.done)

    @property
    def seconds(self) -> float:
        """
        Seconds since the start.
        """
        return max(self.clock() - self.started, 0.001)

    @property
    def left(self) -> float | None:
        """
        Seconds that the rest takes, at the rate so far or the ceiling; ``None`` if that
        cannot be told.
        """
        if not self.events or not self.total or not self.done:
            return None
        rest = self.events * max(self.total / self.done - 1, 0)
        return rest / min(self.events / self.seconds, self.ceiling / 60)

    def __str__(self) -> str:
        rate = self.events / self.seconds
        left = f", {span(self.left)} left" if self.left is not None else ""
        return f"{self.events:,} events, {rate:,.0f}/s{left}"


def span(seconds: float) -> str:
    """
    Return a duration for people: ``40 s``, ``12 min``, ``1 h 7 min``.
    """
    if seconds < 60:
        return f"{math.ceil(seconds)} s"
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    return " ".join(
        part
        for part in (f"{hours} h" * bool(hours), f"{minutes} min" * bool(minutes))
        if part
    )


@contextlib.contextmanager
def metered(total: int, ceiling: float, bar: Console | None) -> Iterator[Meter]:
    """
    Measure a delivery, with a bar on the console *bar* if that is a terminal.

    Args:
        total: Units to read; 0 if that is not known.
        ceiling: Events a minute that the sink takes at most.
        bar: Where to show and tell; ``None`` for nowhere.
    """
    if bar is None:
        yield Meter(total, ceiling)
    elif not bar.is_terminal:
        yield Meter(total, ceiling, lambda text: click.echo(text, err=True))
    else:
        with _bar(bar) as progress:
            task = progress.add_task("starting", total=total or None)
            yield Meter(total, ceiling, _telling(bar), _showing(progress, task))


def _telling(bar: Console) -> Callable[[str], object]:
    return lambda text: bar.print(Text(text))


def _showing(progress: Progress, task: TaskID) -> Callable[[str, int], object]:
    return lambda text, done: progress.update(task, description=text, completed=done)


def _bar(bar: Console) -> Progress:
    return Progress(
        TextColumn("Sending"),
        BarColumn(20),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=bar,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
