"""Progress of long runs: a bar on a terminal, the rate, and the time that is left."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator

import attrs
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


@attrs.define(eq=False)
class RunProgress:
    """
    Count what was read, and the events that were processed.

    Attributes:
        total: Units to read, such as bytes; 0 if that is not known.
        ceiling: Maximum number of events a minute.
        on_message: Called with a line for the user.
        on_change: Called with the text of a progress bar, and the units read.
        done: Units that were read.
    """

    total: int = 0
    ceiling: float = math.inf
    on_message: Callable[[str], object] = lambda _: None
    on_change: Callable[[str, int], object] = lambda *_: None
    done: int = 0
    events: int = 0
    started: float = attrs.field(factory=time.monotonic)

    def advance(self, units: int) -> None:
        """Count *units* that were read."""
        self.done += units

    def add_events(self, events: int) -> None:
        """Count *events* that were processed."""
        self.events += events
        self.on_change(str(self), self.done)

    def show_wait(self, seconds: float) -> None:
        """Show that the run waits for *seconds*."""
        self.on_change(f"{self}, waiting {format_duration(seconds)}", self.done)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return max(time.monotonic() - self.started, 0.001)

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
    return " ".join(f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min")) if n)


@contextlib.contextmanager
def progress(
    doing: str, total: int, console: Console | None, ceiling: float = math.inf
) -> Iterator[RunProgress]:
    """
    Measure a run, with *doing* and a bar on *console* if that is a terminal.

    See `RunProgress` for the others. Without a console, nothing is shown.
    """
    shown = RunProgress(total, ceiling)
    if console:
        shown.on_message = console.print
    if console is None or not console.is_terminal:
        yield shown
        return
    with Progress(
        TextColumn(doing),
        BarColumn(20),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as bar:
        task = bar.add_task("starting", total=total or None)

        def update(text: str, done: int) -> None:
            bar.update(
                task, description=text, completed=done, total=shown.total or None
            )

        shown.on_change = update
        yield shown
