"""``braze-heap demo``: an hour of a Currents feed in seconds, over real connections."""

import contextlib
import json
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
from rich.console import Group, RenderableType
from rich.text import Text

from braze_heap import Pipeline, Report, Transformer
from braze_heap.cli import _console as ui
from braze_heap.cli._explain import HIDDEN
from braze_heap.cli._log import logging_to
from braze_heap.cli._options import json_option, option, seed_option
from braze_heap.cli._progress import RunProgress, progress
from braze_heap.cli._simulate import FAULTS, PROBES, SimulationResult, mixed_events
from braze_heap.policies.privacy import PERSONAL_NAMES
from braze_heap.receiver import AsyncReceiver
from braze_heap.receiver.service import Metrics, Service
from braze_heap.report import counts, summarize
from braze_heap.sinks import Sink
from braze_heap.state import SqliteDeadLetter
from braze_heap.testing import FakeHeap, SimulatedBraze, make_malformed, make_traffic
from braze_heap.testing.fake_heap import Status
from braze_heap.testing.simulated_braze import Fate, Simulation, VirtualClock

NUMBER: Final = 1_000
"""Events of the hour."""

ANONYMOUS: Final = 12
"""Number of events without an identity."""

MALFORMED: Final = 3
"""Number of malformed events."""

BATCH: Final = 20

HOUR: Final = 3_600.0
START: Final = VirtualClock().now + 12 * HOUR
DOWN: Final = (START + HOUR / 3, START + HOUR / 3 + 300)
"""Period in which Heap is down. UTC epoch seconds."""

SPEED: Final = 700.0
"""Simulated seconds in a second at a terminal."""

_TOMORROW: Final = "users.messages.hologram.Send"
"""Type of one event. No version of the library knows it."""

_SHOWN: Final = "Braze Custom Added To Cart"

_TOKEN: Final = "a-token-of-the-demo"  # noqa: S105 (the server is ours, for seconds)

_INTRODUCTION: Final = """\
An hour of a shop that does not exist, in seconds. A simulated Braze posts its events \
to `braze-heap serve`, which delivers them to a simulated Heap: real servers, only \
on this machine. Braze sends some events twice, answers get lost, some events are \
malformed, and Heap is down for five minutes.
"""

_NEXT: Final = (
    ("braze-heap serve", "the same endpoint, for you: calls go to a file"),
    ("braze-heap simulate URL", "send it such traffic, as Braze would"),
    ("braze-heap plan", "all that can ever reach Heap, to agree on"),
)


@click.command(
    short_help="See the whole way, with nothing to set up.",
    epilog=ui.epilog(
        """
        braze-heap demo
        braze-heap demo --seed 7 --fast
        """,
        one="an event is not where the report says: please report it, with the seed",
        zero="every event is where the report says",
    ),
)
@seed_option
@option("--fast", "Do not wait, as if the output were not a terminal.")
@json_option
def demo(seed: int, fast: bool, as_json: bool) -> None:
    """
    Play an hour of Braze traffic to an endpoint and a Heap, and count what arrives.

    Needs no data, no account and no network. All names and values are invented.
    """
    ui.require_extra("the demo", "server", "httpx2", "prometheus_client", "uvicorn")
    out = ui.console("stdout")
    is_shown = out.is_terminal and not fast and not as_json
    with ui.exit_on_broken_pipe():
        if not as_json:
            ui.show(Text(_INTRODUCTION), out)
        with progress("       ", NUMBER, None if as_json else out) as shown:
            story = _Story(shown, SPEED if is_shown else None, out.is_terminal)
            outcome = _play(_events(seed), seed, story)
        ui.show_result(outcome.view, outcome.to_dict, out, as_json=as_json)
    sys.exit(0 if outcome.adds_up else 1)


def _events(seed: int) -> list[Any]:
    """Return the events of the hour, in the order in which they reach Braze."""
    known = NUMBER - ANONYMOUS - MALFORMED
    events: list[Any] = list(make_traffic(known, seed=seed, start=START))
    events[0] = events[0] | {"event_type": _TOMORROW}
    others = make_traffic(ANONYMOUS, seed=f"anonymous {seed}", start=START)
    for event in others:
        del event["user"]["external_user_id"]
    return mixed_events(events, (*others, *make_malformed(MALFORMED, seed=seed)), seed)


class _Story(VirtualClock):
    """
    Clock of the hour, with messages about it.

    Args:
        shown: Shows messages and progress.
        speed: Simulated seconds in a real one; `None` does not wait.
        has_bar: Whether a bar shows the progress, not a line each quarter.
    """

    def __init__(self, shown: RunProgress, speed: float | None, has_bar: bool) -> None:
        super().__init__(START)
        self._shown = shown
        self._speed = speed
        self._has_bar = has_bar
        self._messages: set[str] = set()
        self._quarter = 0.0
        self.tick: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        """Let *seconds* of the hour pass."""
        super().sleep(seconds)
        if self._speed:
            time.sleep(seconds / self._speed)
        self.tick()

    def narrate(self, text: str) -> None:
        """Show *text* with the time of day; the same text only once."""
        if text not in self._messages:
            self._messages.add(text)
            at = f"{datetime.fromtimestamp(self.now, UTC):%H:%M}"
            self._shown.on_message(Text.assemble((f"{at}  ", "cyan"), text))

    def advance(self, done: int, text: str) -> None:
        """Show the progress: on a bar at a terminal, else in a line each quarter."""
        if self._has_bar:
            self._shown.on_change(text, done)
            return
        quarter = (self.now - START) // 900
        if quarter > self._quarter:
            self._quarter = quarter
            self.narrate(text)


def _id(event: Any) -> str:
    return str(event["id"]) if isinstance(event, dict) else ""


def _play(events: Sequence[Any], seed: int, story: _Story) -> "_Outcome":
    """Send *events* as Braze to a service that delivers to a simulated Heap."""
    began = time.monotonic()
    metrics = Metrics()
    with (
        logging_to(logging.NullHandler()),
        tempfile.TemporaryDirectory() as folder,
        FakeHeap(clock=story) as heap,
        SqliteDeadLetter(Path(folder, "dead.db")) as store,
        contextlib.closing(_sink(heap, seed, story)) as sink,
    ):
        story.tick = lambda: _switch(heap, story)
        pipeline = Pipeline(Transformer(), sink, store, observers=[metrics])
        service = Service(AsyncReceiver(pipeline, _TOKEN), metrics)
        braze = SimulatedBraze(
            token=_TOKEN,
            seed=seed,
            batch_size=BATCH,
            probes=PROBES,
            rate=NUMBER / HOUR,
            **FAULTS,
        )
        from braze_heap.cli._server import bound, server_of, serving

        with (
            bound("127.0.0.1", 0) as listener,
            serving(server_of(service, 1), listener) as url,
        ):
            simulation = braze.send(
                events,
                url,
                clock=story,
                sleep=story.sleep,
                watch=lambda seen: _watch(story, seen, metrics, heap),
            )
        stored = dict(store.stats().by_reason)
    seconds = time.monotonic() - began
    return _Outcome(simulation, metrics.report, heap, stored, seconds)


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


def _switch(heap: FakeHeap, story: _Story) -> None:
    """Let Heap be down for the period."""
    is_down = DOWN[0] <= story.now < DOWN[1]
    heap.always(*[Status(503, {"Retry-After": "30"})] * is_down)
    if is_down:
        story.narrate("Heap is down.")
    elif story.now >= DOWN[1]:
        story.narrate("Heap is back.")


def _watch(story: _Story, seen: Simulation, metrics: Metrics, heap: FakeHeap) -> None:
    """Narrate what is new since the answer before."""
    story.narrate(
        "Braze checks endpoint and token: a request without events, answer 200."
    )
    if 503 in seen.statuses:
        story.narrate(
            "The endpoint answers 503: Braze keeps the events, and comes again."
        )
    if seen.answers_lost:
        story.narrate("An answer gets lost: Braze sends those events again.")
    for reason in metrics.report.dead_lettered_by_reason:
        story.narrate(f"Only the malformed event ({reason}) goes to the dead letter.")
    done = len(seen.events) - seen.fates[Fate.PENDING]
    story.advance(done, _progress(seen, heap.events.keys()))


def _progress(seen: Simulation, in_heap: Set[str]) -> str:
    """
    Return the number of events that Braze knows to be delivered, and their place:
    *in_heap*, or kept back. Heap has others before Braze learns of it.
    """
    pairs = zip(seen.events, seen.outcomes, strict=True)
    ids = {_id(event) for event, outcome in pairs if outcome.fate is Fate.DELIVERED}
    done = seen.fates[Fate.DELIVERED]
    arrived, early = len(ids & in_heap), len(in_heap - ids)
    more = f"; {early} more in Heap, answer lost" if early else ""
    kept = f"{done - arrived} skipped or kept"
    return f"{done:,} delivered: {arrived:,} in Heap, {kept}{more}"


@attrs.frozen
class _Outcome:
    """
    Result of the hour.

    Attributes:
        simulation: Result for Braze.
        report: Counts of the endpoint.
        heap: The simulated Heap; closed.
        stored: Number of dead letters by reason.
        seconds: Duration.
    """

    simulation: Simulation
    report: Report
    heap: FakeHeap
    stored: dict[str, int]
    seconds: float

    @property
    def adds_up(self) -> bool:
        """Whether Heap holds exactly the events that it should, and all counts fit."""
        report = self.report
        decided = report.delivered + report.skipped + report.dead_lettered
        return (
            report.received == decided
            and self.simulation.fates == {Fate.DELIVERED: NUMBER}
            and len(self.heap.events) == NUMBER - ANONYMOUS - MALFORMED
            and self.heap.events.keys() <= {*map(_id, self.simulation.events)}
            and sum(self.stored.values()) == MALFORMED
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        before, after = self._example()
        return {
            "adds_up": self.adds_up,
            "seconds": round(self.seconds, 3),
            "braze": SimulationResult(self.simulation).to_dict(),
            "endpoint": counts(self.report),
            "heap": {"events": self._names(), "repeats": self.heap.counts.duplicates},
            "dead_letter": self.stored,
            "before": before,
            "after": after,
        }

    def view(self) -> Group:
        """Return the result as text."""
        return Group(
            *self._heap_view(),
            *self._example_view(),
            *self._sum_view(),
            *ui.next_steps(_NEXT),
        )

    def _names(self) -> Counter[str]:
        return Counter(str(event["event"]) for event in self.heap.events.values())

    def _heap_view(self) -> Iterator[RenderableType]:
        events = self.heap.events.values()
        people = {event["identity"] for event in events}
        number = f"{ui.plural(len(events), 'event')} of {len(people):,} people"
        note = "a type newer than this version"
        rows = [
            (name, count, note * name.endswith(_TOMORROW))
            for name, count in self._names().most_common()
        ]
        yield from ui.section(f"What Heap holds: {number}", rows)

    def _example(self) -> tuple[Any, Any]:
        """Return an event as Braze sends it, personal values hidden, and as in Heap."""
        events = self.heap.events.items()
        for key, after in (item for item in events if item[1]["event"] == _SHOWN):
            before = next(e for e in self.simulation.events if _id(e) == key)
            return _masked(before), after
        return None, None

    def _example_view(self) -> Iterator[RenderableType]:
        before, after = self._example()
        if before is not None:
            yield ui.heading("One of them, as Braze sends it")
            yield ui.indented(Text(json.dumps(before, indent=2)))
            yield ui.heading("After: personal data is not sent unless you choose so")
            yield ui.indented(Text(json.dumps(after, indent=2)))

    def _sum_view(self) -> Iterator[RenderableType]:
        done, heap = self.simulation, self.heap
        answers = ", ".join(f"{n} x {s}" for s, n in sorted(done.statuses.items()))
        lost = ui.plural(done.answers_lost, "answer")
        delivered = ui.plural(done.fates[Fate.DELIVERED], "event")
        requests = ui.plural(done.requests, "request")
        repeats = ui.plural(heap.counts.duplicates, "repeat")
        in_heap = ui.plural(heap.counts.events, "event")
        rows = [
            ("Braze", f"{delivered} delivered, none left"),
            ("", f"{requests}: {answers}; {lost} lost on the way"),
            ("endpoint", f"{summarize(self.report)}, repeats counted too"),
            ("Heap", f"{in_heap}, each once: {repeats} changed nothing"),
        ]
        yield from ui.section(f"Does it add up? An hour in {self.seconds:.1f} s", rows)
        skips = ", ".join(self.report.skipped_by_reason)
        reasons = ", ".join(self.stored)
        yield Text(
            f"\n{len(heap.events):,} in Heap + {ANONYMOUS} skipped ({skips}) + "
            f"{sum(self.stored.values())} in the dead letter ({reasons}) = "
            f"{NUMBER:,} sent"
        )
        if self.adds_up:
            yield Text("Every event is in exactly one place.", "bold green")
        else:
            flaw = "It does NOT add up. Please report it, with the seed."
            yield Text(flaw, "bold red")


def _masked(value: Any) -> Any:
    """Return *value* with the values of personal fields hidden."""
    if not isinstance(value, dict):
        return value
    return {k: HIDDEN if k in PERSONAL_NAMES else _masked(v) for k, v in value.items()}
