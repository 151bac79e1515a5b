"""
A run on several cores: workers write parts of the output, which are joined in order.

Paths and positions in files go to the workers, and counts come back. Events stay in
files, so memory does not grow with them.
"""

import contextlib
import itertools
import multiprocessing
import os
import signal
import tempfile
import threading
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

from rich.console import Console

from braze_heap import Transformer
from braze_heap.cli import _console as ui
from braze_heap.cli._inputs import Input, Inputs
from braze_heap.cli._output import Output, append, compressed, is_replaced, open_output
from braze_heap.cli._progress import RunProgress
from braze_heap.cli._report import RunReport
from braze_heap.cli._run import Run
from braze_heap.config import Config
from braze_heap.storage import StoredObject

_AHEAD: Final = 2
"""Parts for each worker that are started before an earlier one is joined."""

_Part: TypeAlias = tuple[RunReport, ui.UnusableError | None]
"""Report of a part, and the error that stopped reading its piece."""


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Worker:
    """State of a worker process."""

    transformer: Transformer
    unit: int

    @classmethod
    def start(cls, config: Config, unit: int) -> None:
        """Initialize the process. The signals of a terminal are for its parent."""
        for number in (signal.SIGINT, *ui.STOPS):
            signal.signal(number, signal.SIG_IGN)
        threading.Thread(target=_exit_with_parent, daemon=True).start()
        cls.unit = unit
        with warnings.catch_warnings(action="ignore"):  # the parent shows them
            cls.transformer = config.transformer()

    @classmethod
    def write_part(cls, piece: Input, path: Path) -> _Part:
        """Write the part of the output that comes from *piece* to *path*."""
        failure = None
        run = Run(cls.transformer, Inputs([piece]), cls.unit)
        try:
            with path.open("wb") as raw, compressed(raw, path) as file:
                run.transform(piece, file, RunProgress())
        except ui.UnusableError as error:
            failure = error
        except OSError as error:
            raise ui.cannot_write(path, error) from None
        return run.report, failure


def _exit_with_parent() -> None:
    """Exit when the parent is killed: a worker would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _pool(number: int, *task: Any, is_forked: bool) -> Iterator[ProcessPoolExecutor]:
    """
    Yield a pool, and kill its workers at the end: a part may take minutes.

    Clients of stores have threads, which must not be forked.
    """
    context = multiprocessing.get_context(None if is_forked else "spawn")
    pool = ProcessPoolExecutor(number, context, _Worker.start, task)
    try:
        yield pool
        pool.shutdown()
    except BrokenProcessPool:
        raise ui.UnusableError(
            "a worker process died. If memory ran out, try again with fewer --jobs."
        ) from None
    finally:
        with ui.defer_sigint():
            for process in multiprocessing.active_children():
                process.kill()
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _without_sigint() -> Iterator[None]:
    """Block Ctrl-C for the processes that start in the block; a terminal sends it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _folder(output: Output) -> Iterator[Path]:
    """Make a folder for parts: beside the output, where there is room for it."""
    place = None
    if isinstance(output, Path) and is_replaced(output):
        place = Path(os.path.realpath(output)).parent
    folder = tempfile.TemporaryDirectory(prefix=".braze-heap-", dir=place)
    try:
        yield Path(folder.name)
    finally:
        with ui.defer_sigint():
            folder.cleanup()


def write_in_parts(run: Run, path: Output, bar: Console | None) -> bool:
    """
    Write the calls of *run* to *path* with its number of workers.

    Output and report are those of one process. Return whether the inputs are divided.
    """
    inputs = run.inputs.each
    pieces = [piece for source in inputs for piece in source.pieces(run.unit)]
    number = min(run.jobs or cores(), len(pieces))
    if number < 2 or not all(source.is_open_to_others() for source in inputs):
        return False
    is_forked = not any(isinstance(p.place, StoredObject) for p in pieces)
    with (
        open_output(path, inputs, is_joined=True) as file,
        _folder(path) as folder,
        _pool(number, run.config, run.unit, is_forked=is_forked) as pool,
    ):
        suffix = ".gz" if str(path).endswith(".gz") else ""
        tasks = [(p, folder / f"{n}{suffix}") for n, p in enumerate(pieces)]

        def start(task: tuple[Input, Path]) -> "Future[_Part]":
            with _without_sigint():
                return pool.submit(_Worker.write_part, *task)

        waiting = iter(tasks)
        # The workers start here, before a bar starts a thread.
        parts = deque(map(start, itertools.islice(waiting, number * _AHEAD)))
        with run.progress(bar) as shown:
            for piece, name in tasks:
                before = run.report.counts.received
                _join(run, piece, name, file, parts.popleft().result())
                parts.extend(map(start, itertools.islice(waiting, 1)))
                shown.advance(piece.size)
                shown.add_events(run.report.counts.received - before)
    return True


def _join(run: Run, piece: Input, path: Path, file: IO[bytes], part: _Part) -> None:
    report, failure = part
    if not piece.lines or not piece.lines[0]:
        run.before = 0
    with ui.defer_sigint():
        append(file, path)
        run.report.merge(report, run.before)
        path.unlink()
    run.before += report.counts.received
    if failure:
        raise failure
