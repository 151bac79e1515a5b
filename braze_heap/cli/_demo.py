"""``braze-heap demo``: an hour of a Currents feed in seconds, over real connections."""

import contextlib
import importlib
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs
import click
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from braze_heap import Pipeline, Report, Transformer
from braze_heap.cli._console import (
    UnusableError,
    console,
    exit_on_broken_pipe,
    grid,
    heading,
    indented,
    plural,
    show,
)
from braze_heap.cli._delivered import next_view
from braze_heap.cli._json_format import format_json
from braze_heap.cli._request_log import fates, logging_to
from braze_heap.cli._server import bound, server_of, serving
from braze_heap.receiver import AsyncReceiver
from braze_heap.receiver.service import Metrics, Service
from braze_heap.sinks import Sink
from braze_heap.state import SqliteDeadLetter
from braze_heap.testing import FakeHeap, SimulatedBraze, make_malformed, make_traffic
from braze_heap.testing._samples import TIME
from braze_heap.testing.fake_heap import Status
from braze_heap.testing.simulated_braze import Fate, Simulation, VirtualClock

_EPILOG = """\b
Examples:
  braze-heap demo
  braze-heap demo --seed 7 --fast

\b
Exit status:
  0  every event is where the report says
  1  one is not: please tell us, with the seed
"""

NUMBER: Final = 1_000
"""Events of the hour."""

ANONYMOUS: Final = 12
MALFORMED: Final = 3
"""How many of them name nobody, and how many are malformed."""

_TOMORROW: Final = "users.messages.hologram.Send"
"""A type that no version knows. One event has it."""

_SHOWN: Final = "Braze Added To Cart"

BATCH: Final = 20

HOUR: Final = 3_600.0
START: Final = TIME + 12 * HOUR
DOWN: Final = (START + HOUR / 3, START + HOUR / 3 + 300)
"""When Heap is down. UTC epoch seconds."""

SPEED: Final = 700.0
"""Seconds of the story in a second at a terminal."""

_TOKEN: Final = "a-token-of-the-demo"  # noqa: S105 (the server is ours, for seconds)

_INTRODUCTION: Final = """\
An hour of a shop that does not exist, in seconds. A simulated Braze posts its events \
to `braze-heap serve`, which delivers them to a simulated Heap: real servers, on this \
machine alone. Braze sends some events twice, answers get lost, some events are \
malformed, and Heap is down for five minutes.
"""

_NEXT: Final = (
    ("braze-heap serve", "the same endpoint, for you: calls go to a file"),
    ("braze-heap simulate URL", "send it such traffic, as Braze would"),
    ("braze-heap plan", "all that can ever reach Heap, to agree on"),
)


@click.command(epilog=_EPILOG, short_help="See the whole way, with nothing to set up.")
@click.option(
    "--seed",
    metavar="N",
    type=int,
    default=1,
    show_default=True,
    help="Random seed: the same seed gives the same numbers.",
)
@click.option(
    "--fast", is_flag=True, help="Do not wait, as if the output were not a terminal."
)
def demo(seed: int, fast: bool) -> None:
    """
    Play an hour of Braze traffic to an endpoint and a Heap, and count what arrives.

    Needs no data, no account and no network. All names and values are invented.
    """
    _check_extra()
    out = console("stdout")
    with exit_on_broken_pipe("stdout"):
        show(Text(_INTRODUCTION), out)
        story = _Story(out, speed=SPEED if out.is_terminal and not fast else None)
        outcome = _played(_events(seed), seed, story)
        show(_view(outcome), out)
    sys.exit(0 if outcome.adds_up else 1)


def _check_extra() -> None:
    try:
        for name in ("httpx2", "uvicorn"):
            importlib.import_module(name)
    except ModuleNotFoundError:
        advice = "pip install 'braze_heap[server]'"
        raise UnusableError(f"the demo needs an extra: {advice}") from None


def _events(seed: int) -> list[Any]:
    """Return the events of the hour, in the order in which they reach Braze."""
    known = NUMBER - ANONYMOUS - MALFORMED
    events: list[Any] = list(make_traffic(known, seed=seed, start=START))
    events[0] = events[0] | {"event_type": _TOMORROW}
    chance = random.Random(seed)  # noqa: S311 (no secret)
    others = make_traffic(ANONYMOUS, seed=f"anonymous {seed}", start=START)
    for event in others:
        del event["user"]["external_user_id"]
    for event in (*others, *make_malformed(MALFORMED, seed=seed)):
        events.insert(chance.randint(0, len(events)), event)
    return events


class _Story(VirtualClock):
    """
    The clock of the hour, and what is told of it.

    Args:
        out: Where to.
        speed: Seconds of the story in a real one; `None` for no waiting.
    """

    def __init__(self, out: Console, speed: float | None) -> None:
        super().__init__(START)
        self._out = out
        self._speed = speed
        self._narrated: set[str] = set()
        self._quarter = 0.0
        self._bar: Progress | None = None
        self.tick: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        """Let *seconds* of the story pass."""
        super().sleep(seconds)
        if self._speed:
            time.sleep(seconds / self._speed)
        self.tick()

    def tell(self, words: str) -> None:
        """Tell *words*, with the time; the same words once."""
        if words in self._narrated:
            return
        self._narrated.add(words)
        line = Text.assemble((f"{self.time}  ", "cyan"), words)
        if self._bar:
            self._bar.console.print(line)
        else:
            show(line, self._out)

    def advance(self, done: int, words: str) -> None:
        """Show how far it is: on a bar at a terminal, else in a line each quarter."""
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=done, description=words)
            return
        quarter = (self.now - START) // 900
        if quarter > self._quarter:
            self._quarter = quarter
            self.tell(words)

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Have a bar, if that is a terminal."""
        if not self._out.is_terminal:
            yield
            return
        with _bar(self._out) as self._bar:
            self._bar.add_task("starting", total=NUMBER)
            yield
        self._bar = None

    @property
    def time(self) -> str:
        """The time of day."""
        return f"{datetime.fromtimestamp(self.now, UTC):%H:%M}"


def _bar(out: Console) -> Progress:
    return Progress(
        TextColumn("       "),
        BarColumn(24),
        TextColumn("{task.description}"),
        console=out,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


@attrs.frozen
class _Outcome:
    """
    How the hour ended.

    Attributes:
        simulation: What Braze saw.
        report: What the endpoint counted.
        heap: What Heap holds; closed.
        lost: Dead letters by reason.
        seconds: That it took.
    """

    simulation: Simulation
    report: Report
    heap: FakeHeap
    lost: dict[str, int]
    seconds: float

    @property
    def adds_up(self) -> bool:
        """Whether Heap holds exactly what it should, and everybody says so."""
        report = self.report
        fates = report.delivered + report.skipped + report.dead_lettered
        return (
            report.received == fates
            and self.simulation.fates == {Fate.DELIVERED: NUMBER}
            and len(self.heap.events) == NUMBER - ANONYMOUS - MALFORMED
            and self.heap.events.keys() <= {*map(_id, self.simulation.events)}
            and sum(self.lost.values()) == MALFORMED
        )


def _id(event: Any) -> str:
    return str(event["id"]) if isinstance(event, dict) else ""


def _played(events: Sequence[Any], seed: int, story: _Story) -> _Outcome:
    """Have Braze send *events* to a service that delivers to a Heap."""
    began = time.monotonic()
    metrics = Metrics()
    with (
        logging_to(logging.NullHandler()),
        tempfile.TemporaryDirectory() as folder,
        FakeHeap(clock=story) as heap,
        SqliteDeadLetter(Path(folder, "dead.db")) as store,
        contextlib.closing(_sink(heap, seed, story)) as sink,
    ):
        pipeline = Pipeline(Transformer(), sink, store, observers=[metrics])
        service = Service(AsyncReceiver(pipeline, _TOKEN), metrics)
        with _narrated(story, heap), _served(service) as url:
            braze = SimulatedBraze(
                token=_TOKEN,
                seed=seed,
                batch_size=BATCH,
                lose_answers=0.05,
                send_twice=0.05,
                probes=2,
                rate=NUMBER / HOUR,
            )
            simulation = braze.send(
                events,
                url,
                clock=story,
                sleep=story.sleep,
                watch=lambda seen: _watch(story, seen, metrics, heap),
            )
        lost = dict(store.stats().by_reason)
    seconds = time.monotonic() - began
    return _Outcome(simulation, metrics.report, heap, lost, seconds)


def _sink(heap: FakeHeap, seed: int, story: _Story) -> Sink:
    from braze_heap.heap import HeapSink

    return HeapSink(
        "11",
        base_url=heap.url,
        allow_http=True,
        trust_env=False,
        clock=story,
        now=story,
        sleep=story.sleep,
        random=random.Random(seed).random,  # noqa: S311 (no secret)
    )


@contextlib.contextmanager
def _served(service: Service) -> Iterator[str]:
    with (
        bound("127.0.0.1", 0) as listener,
        serving(server_of(service, 1), listener) as url,
    ):
        yield url


@contextlib.contextmanager
def _narrated(story: _Story, heap: FakeHeap) -> Iterator[None]:
    """Let Heap be down when the story says so, and show a bar at a terminal."""

    def tick() -> None:
        is_down = DOWN[0] <= story.now < DOWN[1]
        heap.always(*[Status(503, {"Retry-After": "30"})] * is_down)
        if is_down:
            story.tell("Heap is down.")
        elif story.now >= DOWN[1]:
            story.tell("Heap is back.")

    story.tick = tick
    with story.shown():
        yield


def _watch(story: _Story, seen: Simulation, metrics: Metrics, heap: FakeHeap) -> None:
    """Tell what is new since the answer before."""
    story.tell("Braze checks endpoint and token: a request without events, answer 200.")
    if 503 in seen.statuses:
        story.tell("The endpoint answers 503: Braze keeps the events, and comes again.")
    if seen.answers_lost:
        story.tell("An answer gets lost: Braze sends those events again.")
    for reason in metrics.report.dead_lettered_by_reason:
        story.tell(f"Only the malformed event ({reason}) goes to the dead letter.")
    done = len(seen.events) - seen.fates[Fate.PENDING]
    story.advance(done, _progress(seen, heap.events.keys()))


def _progress(seen: Simulation, held: Set[str]) -> str:
    """
    Return how many events Braze knows to be delivered, and where they are: in Heap,
    which *held* them, or kept back. Heap has others before Braze learns of it.
    """
    fates = zip(seen.events, seen.outcomes, strict=True)
    ids = {_id(event) for event, outcome in fates if outcome.fate is Fate.DELIVERED}
    done = seen.fates[Fate.DELIVERED]
    in_heap, early = len(ids & held), len(held - ids)
    kept = f"{done - in_heap} skipped or kept"
    more = f"; {early} more in Heap, answer lost" if early else ""
    return f"{done:,} delivered: {in_heap:,} in Heap, {kept}{more}"


def _view(outcome: _Outcome) -> Group:
    return Group(
        *_heap_view(outcome.heap),
        *_reconciled(outcome),
        *next_view(_NEXT),
    )


def _heap_view(heap: FakeHeap) -> Iterator[RenderableType]:
    events = [*heap.events.values()]
    people = {event["identity"] for event in events}
    held = f"{plural(len(events), 'event')} of {len(people):,} people"
    yield heading(f"What Heap holds: {held}")
    table = grid("_event", "_count", "_note", right=("_count",))
    names = Counter(str(event["event"]) for event in events)
    for name, count in names.most_common():
        is_new = name.endswith(_TOMORROW)
        table.add_row(name, f"{count:,}", "a type newer than this version" * is_new)
    yield indented(table)
    for example in [event for event in events if event["event"] == _SHOWN][:1]:
        yield heading("One of them. Personal data stays out unless you say otherwise")
        yield indented(Text("\n".join(format_json(example, 78))))


def _reconciled(outcome: _Outcome) -> Iterator[RenderableType]:
    done, report, heap = outcome.simulation, outcome.report, outcome.heap
    answers = ", ".join(f"{n} x {s}" for s, n in sorted(done.statuses.items()))
    skips = ", ".join(report.skipped_by_reason)
    reasons = ", ".join(outcome.lost)
    yield heading(f"Does it add up? An hour in {outcome.seconds:.1f} s")
    table = grid("_who", "_what")
    delivered = plural(done.fates[Fate.DELIVERED], "event")
    table.add_row("Braze", f"{delivered} delivered, none left")
    lost = plural(done.answers_lost, "answer")
    requests = plural(done.requests, "request")
    table.add_row("", f"{requests}: {answers}; {lost} lost on the way")
    table.add_row("endpoint", f"{fates(report)}, repeats counted too")
    table.add_row(
        "Heap",
        f"{plural(heap.counts.events, 'event')}, each once: "
        f"{plural(heap.counts.duplicates, 'repeat')} changed nothing",
    )
    yield indented(table)
    yield Text(
        f"\n{len(heap.events):,} in Heap + {ANONYMOUS} skipped ({skips}) + "
        f"{sum(outcome.lost.values())} in the dead letter ({reasons}) = {NUMBER:,} sent"
    )
    if outcome.adds_up:
        yield Text("Every event is in exactly one place.", "bold green")
    else:
        yield Text("It does NOT add up. Please tell us, with the seed.", "bold red")
