"""
A run on several cores: workers write parts of the output, which are joined in order.

Paths and places in files go to the workers, and counts come back; events never do.
"""

import contextlib
import multiprocessing
import os
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO, Final, TypeAlias

import attrs
from rich.console import Console

from braze_heap import Transformer
from braze_heap.cli._console import UnusableError
from braze_heap.cli._inputs import Advance, Input
from braze_heap.cli._options import Setup
from braze_heap.cli._output import append, is_replaced, open_output, open_part
from braze_heap.cli._progress import progress
from braze_heap.cli._report import TransformReport
from braze_heap.cli._run import Run
from braze_heap.cli._signals import defer_sigint

_AHEAD: Final = 2
"""Parts for each worker that are begun before an earlier one is joined."""

_STEP: Final = 1 << 20
"""Bytes after which a worker tells how far it is."""


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@attrs.frozen
class _PartResult:
    """
    What a worker made of a piece.

    Attributes:
        number: Which piece, from 0 on.
        path: The file that holds the calls.
        report: What became of the events.
        failure: Why the piece was not read to its end, if it was not.
    """

    number: int
    path: Path
    report: TransformReport
    failure: UnusableError | None


_Message: TypeAlias = int | _PartResult | UnusableError
"""What a worker says: bytes that it read, a part, or why it cannot write one."""


@attrs.frozen
class _Task:
    """
    What is the same for all parts of a run, and known to each worker from the start.
    """

    setup: Setup
    event_type: str | None
    identity: str
    unit: int
    folder: Path
    suffix: str

    def part(
        self, number: int, piece: Input, transformer: Transformer, advance: Advance
    ) -> _PartResult:
        """
        Write the part of the output that comes of *piece*.

        Raises:
            UnusableError: It cannot be written.
        """
        report, failure = TransformReport(self.identity), None
        path = self.folder / f"{number}{self.suffix}"
        with open_part(path) as file:
            run = Run(transformer, (), self.event_type, report, self.unit)
            try:
                run.transform(piece, file, advance)
            except UnusableError as error:
                failure = error
        return _PartResult(number, path, report, failure)


def _work(task: _Task, connection: Connection, other_end: Connection) -> None:
    """Make parts, until the process that asks for them is done or dead."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # who asks ends this process, too
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    other_end.close()
    with warnings.catch_warnings(action="ignore"):  # they are told already
        transformer = task.setup.transformer()
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            number, piece = connection.recv()
            steps = _Steps(connection.send, piece.size)
            try:
                message: _Message = task.part(number, piece, transformer, steps)
            except UnusableError as error:
                message = error
            connection.send(message)


@attrs.define
class _Steps:
    """Tells in large steps what was read, and no more than was to be read."""

    tell: Callable[[int], object]
    size: int
    read: int = 0
    reported: int = 0

    def __call__(self, size: int) -> None:
        self.read += size
        step = min(self.read, self.size) - self.reported
        if step >= _STEP or (step and self.read >= self.size):
            self.reported += step
            self.tell(step)


@attrs.frozen(eq=False)
class _Worker:
    """A process that makes parts, as seen by the one that joins them."""

    process: BaseProcess
    connection: Connection

    @classmethod
    def start(cls, task: _Task) -> "_Worker":
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.Process(
            target=_work, args=(task, theirs, ours), daemon=True
        )
        process.start()
        theirs.close()
        return cls(process, ours)

    def ask(self, number: int, piece: Input) -> None:
        with self._alive():
            self.connection.send((number, piece))

    def message(self) -> _Message:
        with self._alive():
            message: _Message = self.connection.recv()
        return message

    @contextlib.contextmanager
    def _alive(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError):
            self.process.join()
            raise UnusableError(_describe_exit(self.process.exitcode or 0)) from None

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.process.close()
        self.connection.close()


def _describe_exit(status: int) -> str:
    if status < 0:
        return (
            f"a worker was killed by signal {-status}. If memory ran out, "
            "try again with fewer --jobs."
        )
    return f"a worker ended with status {status}. Try again with --jobs 1."


@contextlib.contextmanager
def _workers(task: _Task, number: int) -> Iterator[list[_Worker]]:
    workers: list[_Worker] = []
    try:
        with _inheriting_no_ctrl_c():
            workers.extend(_Worker.start(task) for _ in range(number))
        yield workers
    finally:
        with defer_sigint():
            for worker in workers:
                worker.stop()


@contextlib.contextmanager
def _inheriting_no_ctrl_c() -> Iterator[None]:
    """
    Let processes that start meanwhile never see Ctrl-C: a terminal sends it to all.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)


@contextlib.contextmanager
def _folder(output: Path) -> Iterator[Path]:
    """Make a folder for parts: beside the output, where there is room for it."""
    folder_of_output = Path(os.path.realpath(output)).parent
    place = folder_of_output if is_replaced(output) else None
    folder = tempfile.TemporaryDirectory(prefix=".braze-heap-", dir=place)
    try:
        yield Path(folder.name)
    finally:
        with defer_sigint():
            folder.cleanup()


@attrs.define
class _WorkerPool:
    """Workers, and what they are to do."""

    workers: Sequence[_Worker]
    pieces: Sequence[Input]
    advance: Advance
    given: int = 0
    idle: list[_Worker] = attrs.field(init=False)
    done: dict[int, _PartResult] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.idle = [*self.workers]

    def parts(self) -> Iterator[_PartResult]:
        """
        Let the parts be made, and return them in order.

        Raises:
            UnusableError: A worker was lost, or cannot write.
        """
        for number in range(len(self.pieces)):
            self._give(number)
            while number not in self.done:
                self._listen()
                self._give(number)
            yield self.done.pop(number)

    def _give(self, awaited: int) -> None:
        end = min(awaited + _AHEAD * len(self.workers), len(self.pieces))
        while self.idle and self.given < end:
            self.idle.pop().ask(self.given, self.pieces[self.given])
            self.given += 1

    def _listen(self) -> None:
        busy = [worker for worker in self.workers if worker not in self.idle]
        ready = wait([worker.connection for worker in busy])
        for worker in busy:
            if worker.connection in ready:
                self._take(worker, worker.message())

    def _take(self, worker: _Worker, message: _Message) -> None:
        if isinstance(message, UnusableError):
            raise message
        if isinstance(message, _PartResult):
            self.done[message.number] = message
            self.idle.append(worker)
        else:
            self.advance(message)


@attrs.define(kw_only=True)
class SplitRun(Run):
    """
    A run whose inputs are shared out to workers. Output and report are those of a run
    without.

    Attributes:
        setup: What each worker makes its transformer of.
        jobs: How many workers, at most.
    """

    setup: Setup
    jobs: int

    def _write_to(self, path: Path, bar: Console | None) -> None:
        pieces = self._pieces()
        number = min(self.jobs, len(pieces))
        if number < 2:
            super()._write_to(path, bar)
            return
        with (
            open_output(path, self.inputs, is_joined=True) as file,
            _folder(path) as folder,
            _workers(self._task(folder, path.suffix), number) as workers,
            progress(self.inputs, bar) as advance,
        ):
            self._join(pieces, _WorkerPool(workers, pieces, advance).parts(), file)

    def _pieces(self) -> list[Input]:
        if not all(source.is_open_to_others() for source in self.inputs):
            return []
        return [piece for source in self.inputs for piece in source.pieces(self.unit)]

    def _task(self, folder: Path, suffix: str) -> _Task:
        identity = self.report.identity
        return _Task(self.setup, self.event_type, identity, self.unit, folder, suffix)

    def _join(
        self, pieces: Sequence[Input], parts: Iterator[_PartResult], file: IO[bytes]
    ) -> None:
        before = 0
        for piece, part in zip(pieces, parts, strict=True):
            before = before if piece.goes_on else 0
            with defer_sigint():
                append(file, part.path)
                self.report.merge(part.report, before)
                part.path.unlink()
            before += part.report.received
            if part.failure:
                raise part.failure
