"""``braze-heap demo``: an hour of a Currents feed in seconds, over real connections."""

import logging
import math
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs
from rich.text import Text

from braze_heap import Pipeline, Transformer
from braze_heap.cli import _console as ui
from braze_heap.cli._explain import HIDDEN
from braze_heap.cli._options import json_option, option, seed_option
from braze_heap.cli._progress import RunProgress, progress
from braze_heap.cli._report import (
    Section,
    json_text,
    next_steps,
    print_result,
    to_values,
)
from braze_heap.cli._serve import logging_to
from braze_heap.cli._simulate import FAULT, PROBES, mixed_events
from braze_heap.cli._simulate import sections as simulation_sections
from braze_heap.policies.privacy import PERSONAL_NAMES
from braze_heap.receiver import AsyncReceiver
from braze_heap.receiver.service import Metrics, Service
from braze_heap.report import counts
from braze_heap.state import SqliteDeadLetter
from braze_heap.testing import FakeHeap, SimulatedBraze, make_malformed, make_traffic
from braze_heap.testing.fake_heap import Status
from braze_heap.testing.simulated_braze import Fate, Simulation, VirtualClock

NUMBER: Final = 1_000
ANONYMOUS: Final = 12
MALFORMED: Final = 3
"""Events of the hour; those of them without an identity, and malformed ones."""

HOUR: Final = 3_600.0
START: Final = VirtualClock().now + 12 * HOUR
DOWN: Final = (START + HOUR / 3, START + HOUR / 3 + 300)  # when Heap is down

SPEED: Final = 700.0  # simulated seconds in a second at a terminal

_TOMORROW: Final = "users.messages.hologram.Send"  # no version knows this type

_SHOWN: Final = "Braze Custom Added To Cart"

_TOKEN: Final = "a-token-of-the-demo"  # noqa: S105 (the server is ours, for seconds)

_INTRODUCTION: Final = """\
An hour of a shop that does not exist, in seconds. A simulated Braze posts its
events to `braze-heap serve`, which delivers them to a simulated Heap: real
servers, only on this machine. Braze sends some events twice, answers get lost,
some events are malformed, and Heap is down for five minutes.
"""

_NEXT: Final = (
    ("braze-heap serve", "the same endpoint, for you: calls go to a file"),
    ("braze-heap simulate URL", "send it such traffic, as Braze would"),
    ("braze-heap plan", "all that can ever reach Heap, to agree on"),
)


@ui.command(
    one="an event is not where the report says: please report it, with the seed",
    zero="every event is where the report says",
)
@seed_option
@option("--fast", "Do not wait, as if the output were not a terminal.")
@json_option
def demo(seed: int, fast: bool, as_json: bool) -> None:
    """
    Simulate an hour of Braze traffic, and count what arrives.

    A simulated Braze sends it to an endpoint, and that to a simulated Heap. Needs no
    data, no account and no network. All names and values are invented.

    Examples::

        braze-heap demo
        braze-heap demo --seed 7 --fast
    """
    ui.require_extra("the demo", "server", "httpx2", "prometheus_client", "uvicorn")
    out = ui.console("stdout")
    is_slow = out.is_terminal and not fast and not as_json
    with ui.exit_on_broken_pipe():
        if not as_json:
            ui.show(Text(_INTRODUCTION), out)
        with progress("       ", NUMBER, None if as_json else out) as shown:
            hour = _Hour(shown, SPEED if is_slow else math.inf)
            hour.play(seed)
    print_result(hour.sections(), as_json=as_json)
    sys.exit(0 if hour.adds_up else 1)


def _events(seed: int) -> list[Any]:
    """Return the events of the hour, in the order in which they reach Braze."""
    known = NUMBER - ANONYMOUS - MALFORMED
    events: list[Any] = list(make_traffic(known, seed=seed, start=START))
    events[0] = events[0] | {"event_type": _TOMORROW}
    others = make_traffic(ANONYMOUS, seed=f"anonymous {seed}", start=START)
    for event in others:
        del event["user"]["external_user_id"]
    return mixed_events(events, (*others, *make_malformed(MALFORMED, seed=seed)), seed)


class _Hour(VirtualClock):
    """The hour: its clock, *speed* times as fast as a real one, messages and result."""

    simulation: Simulation
    stored: dict[str, int]

    def __init__(self, shown: RunProgress, speed: float) -> None:
        super().__init__(START)
        self._shown = shown
        self._speed = speed
        self._messages: set[str] = set()
        self.heap = FakeHeap(clock=self)
        self.metrics = Metrics()

    def play(self, seed: int) -> None:
        """Send the events as Braze to a service that delivers to a simulated Heap."""
        from braze_heap.cli._server import bound, server_of, serving
        from braze_heap.heap import HeapSink

        with (
            logging_to(logging.NullHandler()),
            tempfile.TemporaryDirectory() as folder,
            self.heap,
            SqliteDeadLetter(Path(folder, "dead.db")) as store,
            HeapSink(
                "11",
                base_url=self.heap.url,
                allow_http=True,
                trust_env=False,
                clock=self,
                now=self,
                sleep=self.sleep,
                random=random.Random(seed).random,  # noqa: S311 (no secret)
            ) as sink,
        ):
            observers = [self.metrics]
            pipeline = Pipeline(Transformer(), sink, store, observers=observers)
            service = Service(AsyncReceiver(pipeline, _TOKEN), self.metrics)
            braze = SimulatedBraze(
                token=_TOKEN,
                seed=seed,
                batch_size=20,
                probes=PROBES,
                rate=NUMBER / HOUR,
                lose_answers=FAULT,
                send_twice=FAULT,
            )
            with (
                bound("127.0.0.1", 0) as listener,
                serving(server_of(service, 1), listener) as url,
            ):
                self.simulation = braze.send(
                    _events(seed), url, clock=self, sleep=self.sleep, watch=self._watch
                )
            self.stored = dict(store.stats().by_reason)

    def sleep(self, seconds: float) -> None:
        """Let *seconds* of the hour pass. Heap is down for a part of it."""
        super().sleep(seconds)
        time.sleep(seconds / self._speed)
        is_down = DOWN[0] <= self.now < DOWN[1]
        self.heap.always(*[Status(503, {"Retry-After": "30"})] * is_down)
        if is_down:
            self._narrate("Heap is down.")
        elif self.now >= DOWN[1]:
            self._narrate("Heap is back.")

    def _narrate(self, text: str) -> None:
        """Show *text* with the time of day; the same text only once."""
        if text not in self._messages:
            self._messages.add(text)
            at = datetime.fromtimestamp(self.now, UTC)
            self._shown.on_message(f"{at:%H:%M}  {text}")

    def _watch(self, seen: Simulation) -> None:
        """Narrate what is new since the answer before."""
        self._narrate("Braze checks endpoint and token: no events, answer 200.")
        if 503 in seen.statuses:
            self._narrate("The endpoint answers 503: Braze will send them again.")
        if seen.answers_lost:
            self._narrate("An answer gets lost: Braze sends those events again.")
        for reason in self.metrics.report.dead_lettered_by_reason:
            self._narrate(f"A malformed event ({reason}) goes to the dead letter.")
        done = len(seen.events) - seen.fates[Fate.PENDING]
        self._shown.on_change(
            f"{done:,} events, {len(self.heap.events):,} in Heap", done
        )

    @property
    def adds_up(self) -> bool:
        """Whether Heap holds exactly the events that it should, and all counts fit."""
        report, events = self.metrics.report, self.heap.events
        decided = report.delivered + report.skipped + report.dead_lettered
        return (
            report.received == decided
            and self.simulation.fates == {Fate.DELIVERED: NUMBER}
            and len(events) == NUMBER - ANONYMOUS - MALFORMED
            and events.keys() <= {*map(_id, self.simulation.events)}
            and sum(self.stored.values()) == MALFORMED
        )

    def sections(self) -> Iterator[Section]:
        """Yield the parts of the result."""
        report, events, held = self.metrics.report, self.heap.events, self.heap.counts
        yield Section("adds_up", self.adds_up)
        braze = [*simulation_sections(self.simulation)]
        yield Section("braze", to_values(braze))
        yield from (attrs.evolve(section, name="") for section in braze)
        yield Section("endpoint", counts(report))
        yield Section("dead_letter", self.stored)
        names = Counter(str(event["event"]) for event in events.values())
        people = len({event["identity"] for event in events.values()})
        title = f"In Heap: {ui.plural(len(events), 'event')} of {people:,} people"
        yield Section("heap", {"events": names, "repeats": held.duplicates})
        new = "a type newer than this version"
        yield Section.of_counts(
            "", title, names, lambda name: new * name.endswith(_TOMORROW)
        )
        shown = (item for item in events.items() if item[1]["event"] == _SHOWN)
        key, after = next(shown, (None, None))
        sent = (_masked(e) for e in self.simulation.events if _id(e) == key)
        before = next(sent, None)
        title = "One of them, as Braze sends it"
        yield Section("before", before, title, note=json_text(before))
        title = "After: personal data is not sent unless you choose so"
        yield Section("after", after, title, note=json_text(after))
        seconds = self._shown.seconds
        repeats = ui.plural(held.duplicates, "repeat")
        rows = [
            ("endpoint", f"{report}, repeats counted too"),
            ("Heap", f"{held.events:,} events, each once: {repeats} changed nothing"),
        ]
        title = f"Does it add up? An hour in {seconds:.1f} s"
        yield Section("seconds", round(seconds, 3), title, rows)
        total = (
            f"\n{len(events):,} in Heap + {ANONYMOUS} skipped "
            f"({', '.join(report.skipped_by_reason)}) + {sum(self.stored.values())} in "
            f"the dead letter ({', '.join(self.stored)}) = {NUMBER:,} sent\n"
        )
        verdict = ("It does NOT add up. Please report it, with the seed.", "bold red")
        if self.adds_up:
            verdict = ("Every event is in exactly one place.", "bold green")
        yield Section(note=Text.assemble(total, verdict))
        yield next_steps(_NEXT)


def _id(event: Any) -> str:
    return str(event["id"]) if isinstance(event, dict) else ""


def _masked(value: Any) -> Any:
    """Return *value* with the values of personal fields hidden."""
    if not isinstance(value, dict):
        return value
    return {k: HIDDEN if k in PERSONAL_NAMES else _masked(v) for k, v in value.items()}
